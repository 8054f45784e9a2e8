package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
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
	r := &Receiver{
		name: o.Name, doing: "posting to the webhook",
		client: outbound.NewClient(outbound.Options{Hosts: []string{"*"}, PublicOnly: true, AllowLoopback: o.AllowLoopback, Timeout: o.Timeout}),
	}
	if o.Alertmanager {
		r.login, r.posts = message.NewLogin(o.URL, o.Token, o.Username, o.Password), o.alerts
	} else {
		r.login, r.posts = message.NewLogin(append([]message.Credential{o.URL}, o.Keys...)...), o.signed
	}
	return r, nil
}

// signed returns a message in pongwatch's own format, silent edits included: the other side
// decides what is worth telling. The credentials are the address and the signing keys.
func (o Options) signed(m message.Message, _ message.Ref) ([]post, message.Ref) {
	id := messageID(o.Name, m)
	return []post{func(credentials []secrets.Value) request {
		address, values := credentials[0], credentials[1:]
		proof := func(body []byte) (http.Header, error) {
			var keys []signature.Key
			for _, v := range values {
				parsed, err := signature.ParseKeys(v.Reveal())
				if err != nil {
					return nil, err
				}
				keys = append(keys, parsed...)
			}
			header := http.Header{}
			return header, signature.Sign(header, keys, id, o.Now(), body)
		}
		return request{address.Reveal(), newEvent(m), proof, append(outbound.Address(address), values...)}
	}}, message.Ref{ID: id}
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
	Incident    string           `json:"incident"`
	ShortID     string           `json:"short_id"`
	Shard       string           `json:"shard"`
	Revision    int              `json:"revision"`
	Events      []incident.Event `json:"events"`
	State       message.State    `json:"state"`
	Severity    cause.Severity   `json:"severity"`
	Drill       bool             `json:"drill,omitempty"`
	Database    string           `json:"database,omitempty"`
	Environment string           `json:"environment,omitempty"`
	Check       report.Check     `json:"check,omitempty"`
	Cause       cause.Cause      `json:"cause,omitempty"`
	Since       time.Time        `json:"since"`
	Until       time.Time        `json:"until,omitzero"`
	Title       string           `json:"title"`
	Summary     string           `json:"summary"`
	News        string           `json:"news,omitempty"`
	Impact      string           `json:"impact,omitempty"`
	Facts       []pair           `json:"facts,omitempty"`
	Notes       []string         `json:"notes,omitempty"`
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
	Database string      `json:"database"`
	ShortID  string      `json:"short_id"`
	Open     bool        `json:"open"`
	Cause    cause.Cause `json:"cause,omitempty"`
	Since    time.Time   `json:"since"`
}

// newEvent returns the body for a message. It leaves signed links out, because their
// holder may act and this body goes to machines and their logs.
func newEvent(m message.Message) event {
	d := eventData{
		Incident: m.ID, ShortID: m.Short, Shard: m.Shard, Revision: m.Revision, Events: m.Events, State: m.State, Severity: m.Severity,
		Drill: m.Drill, Database: m.Database, Environment: m.Environment, Check: m.Check, Cause: m.Cause, Since: m.Since, Until: m.Until,
		Title: m.Headline, Summary: m.Push, News: m.News, Impact: m.Impact, Why: m.CauseTitle, Next: m.Next,
	}
	for _, step := range m.Fix {
		d.Fix = append(d.Fix, step.Text)
		d.Commands = append(d.Commands, step.Commands...)
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
		d.Members = append(d.Members, member{x.Database, x.Short, x.Open, x.Cause, x.Since})
	}
	return event{Version: 1, Type: "incident." + string(m.Event), Timestamp: m.At, Data: d}
}
