package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// Options configures a Receiver of JSON: signed, or in Alertmanager's format.
type Options struct {
	// Name is the receiver's address in the outbox.
	Name string
	// URL gives the address; it may be a secret itself.
	URL message.Credential
	// Keys give the signing keys; while one is replaced by another, both sign.
	Keys []message.Credential
	// Alertmanager says that the payload is that of Alertmanager's webhook, which is not
	// signed. Then Token, or Username and Password, prove who sends it.
	Alertmanager              bool
	Token, Username, Password message.Credential
	// AllowLoopback lets the address be on this machine, over http. Otherwise only
	// public addresses are reached, whatever the name resolves to.
	AllowLoopback bool
	// Timeout bounds one call; zero is 8 s.
	Timeout time.Duration
	// Now dates signatures; nil is time.Now.
	Now func() time.Time
}

// Receiver posts each message as JSON, silent edits included: the other side
// decides what is worth telling. It implements [message.Receiver].
type Receiver struct {
	options Options
	client  *http.Client
	login   *message.Login
}

var _ message.Receiver = (*Receiver)(nil)

// New returns a receiver, or says what is wrong with its options.
func New(o Options) (*Receiver, error) {
	switch {
	case o.Name == "":
		return nil, errors.New("webhook receiver: name is empty")
	case o.URL == nil:
		return nil, fmt.Errorf("receiver %s: url is missing", o.Name)
	case o.Alertmanager && len(o.Keys) > 0:
		return nil, fmt.Errorf("receiver %s: keys are given, but Alertmanager's format is not signed", o.Name)
	case o.Alertmanager && (o.Token != nil && o.Username != nil || (o.Username == nil) != (o.Password == nil)):
		return nil, fmt.Errorf("receiver %s: want a token, or username and password, or none of them", o.Name)
	case !o.Alertmanager && len(o.Keys) == 0:
		return nil, fmt.Errorf("receiver %s: keys are missing, want at least one to sign with", o.Name)
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	credentials := append([]message.Credential{o.URL}, o.Keys...)
	if o.Alertmanager {
		credentials = []message.Credential{o.URL, o.Token, o.Username, o.Password}
	}
	return &Receiver{
		options: o,
		login:   message.NewLogin(credentials...),
		client:  outbound.NewClient(outbound.Options{Hosts: []string{"*"}, PublicOnly: true, AllowLoopback: o.AllowLoopback, Timeout: o.Timeout}),
	}, nil
}

// Name implements [message.Receiver].
func (r *Receiver) Name() string { return r.options.Name }

// Renewed implements [message.Renewable].
func (r *Receiver) Renewed(ctx context.Context) bool { return r.login.Renewed(ctx) }

// Deliver implements [message.Receiver].
func (r *Receiver) Deliver(ctx context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	id, deliveries := messageID(r.options.Name, m), []func([]secrets.Value) error{}
	if r.options.Alertmanager {
		for _, status := range alertmanagerStatuses(m) {
			deliveries = append(deliveries, func(values []secrets.Value) error { return r.sendAlert(ctx, m, status, values) })
		}
	} else {
		deliveries = append(deliveries, func(values []secrets.Value) error { return r.sendSigned(ctx, m, id, values) })
	}
	for _, deliver := range deliveries {
		if err := r.login.Do(ctx, posting, deliver); err != nil {
			return prev, message.OutcomeOf(err), err
		}
		prev = message.Ref{ID: id}
	}
	return prev, message.Outcome{Result: message.Delivered, Unsent: len(deliveries) == 0}, nil
}

const posting = "posting to the webhook"

// sendAlert posts in Alertmanager's format. The values are the address and the credentials.
func (r *Receiver) sendAlert(ctx context.Context, m message.Message, status string, values []secrets.Value) error {
	header := http.Header{}
	switch token, username, password := strings.TrimSpace(values[1].Reveal()), strings.TrimSpace(values[2].Reveal()), strings.TrimSpace(values[3].Reveal()); {
	case token != "":
		header.Set("Authorization", "Bearer "+token)
	case username != "":
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(username+":"+password)))
	}
	known := append(outbound.Address(values[0]), values[1], values[3])
	return post(ctx, r.client, posting, values[0].Reveal(), newAlertmanagerMessage(m, r.options.Name, status), func([]byte) (http.Header, error) { return header, nil }, known...)
}

// sendSigned posts pongwatch's own format. The values are the address and the signing keys.
func (r *Receiver) sendSigned(ctx context.Context, m message.Message, id string, values []secrets.Value) error {
	known := append(outbound.Address(values[0]), values[1:]...)
	return post(ctx, r.client, posting, values[0].Reveal(), newEvent(m), func(body []byte) (http.Header, error) {
		var keys []signature.Key
		for _, v := range values[1:] {
			parsed, err := signature.ParseKeys(v.Reveal())
			if err != nil {
				return nil, err
			}
			keys = append(keys, parsed...)
		}
		header := http.Header{}
		return header, signature.Sign(header, keys, id, r.options.Now(), body)
	}, known...)
}

// messageID is the same for every try of one revision: the receiver's key of idempotency.
func messageID(name string, m message.Message) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s\x00%s\x00%d", name, m.ID, m.Revision)))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// event is the body of a webhook, version 1. Fields are only ever added.
type event struct {
	Version int    `json:"version"`
	Type    string `json:"type"` // "incident." and the event: "incident.opened"
	// Timestamp is when the message was made.
	Timestamp time.Time `json:"timestamp"`
	Data      eventData `json:"data"`
}

// eventData is what happened.
type eventData struct {
	Incident    string     `json:"incident"`
	ShortID     string     `json:"short_id"`
	Shard       string     `json:"shard"`
	Revision    int        `json:"revision"`
	Events      []string   `json:"events"`
	State       string     `json:"state"`
	Severity    string     `json:"severity"`
	Drill       bool       `json:"drill,omitempty"`
	Database    string     `json:"database,omitempty"`
	Environment string     `json:"environment,omitempty"`
	Check       string     `json:"check,omitempty"`
	Cause       string     `json:"cause,omitempty"`
	Since       time.Time  `json:"since"`
	Until       *time.Time `json:"until,omitempty"`
	Title       string     `json:"title"`
	Summary     string     `json:"summary"`
	News        string     `json:"news,omitempty"`
	Impact      string     `json:"impact,omitempty"`
	Facts       []pair     `json:"facts,omitempty"`
	Notes       []string   `json:"notes,omitempty"`
	// Evidence quotes others and is untrusted.
	Evidence []pair   `json:"evidence,omitempty"`
	Why      string   `json:"cause_title,omitempty"`
	Fix      []string `json:"fix,omitempty"`
	Commands []string `json:"commands,omitempty"` // for the steps of fix
	Members  []member `json:"members,omitempty"`
	Links    []pair   `json:"links,omitempty"`
	Next     string   `json:"next,omitempty"`
}

// pair is a labelled text.
type pair struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// member is one incident of a group.
type member struct {
	Database string    `json:"database"`
	ShortID  string    `json:"short_id"`
	Open     bool      `json:"open"`
	Cause    string    `json:"cause,omitempty"`
	Since    time.Time `json:"since"`
}

// newEvent returns the body for a message. It leaves signed links out, because their
// holder may act and this body goes to machines and their logs.
func newEvent(m message.Message) event {
	d := eventData{
		Incident: m.ID, ShortID: m.Short, Shard: m.Shard, Revision: m.Revision, State: string(m.State), Severity: string(m.Severity),
		Drill: m.Drill, Database: m.Database, Environment: m.Environment, Check: string(m.Check), Cause: string(m.Cause), Since: m.Since,
		Title: m.Headline, Summary: m.Push, News: m.News, Impact: m.Impact, Why: m.CauseTitle, Next: m.Next,
	}
	for _, step := range m.Fix {
		d.Fix = append(d.Fix, step.Text)
		d.Commands = append(d.Commands, step.Commands...)
	}
	if !m.Until.IsZero() {
		d.Until = &m.Until
	}
	for _, e := range m.Events {
		d.Events = append(d.Events, string(e))
	}
	for _, f := range m.Facts {
		d.Facts = append(d.Facts, pair{f.Label, f.String()})
	}
	for _, n := range m.Notes {
		d.Notes = append(d.Notes, n.String())
	}
	for _, e := range m.Evidence {
		d.Evidence = append(d.Evidence, pair(e))
	}
	for _, l := range m.Links {
		d.Links = append(d.Links, pair{l.Label, l.URL})
	}
	for _, x := range m.Members {
		d.Members = append(d.Members, member{Database: x.Database, ShortID: x.Short, Open: x.Open, Cause: string(x.Cause), Since: x.Since})
	}
	return event{Version: 1, Type: "incident." + string(m.Event), Timestamp: m.At, Data: d}
}
