package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// PagerDutyOptions configures a PagerDuty receiver.
type PagerDutyOptions struct {
	// Name is the receiver's address in the outbox.
	Name string
	// RoutingKey gives the integration key of a service.
	RoutingKey message.Credential
	// URL is the Events API's address; empty is https://events.pagerduty.com/v2/enqueue.
	URL string
	// AllowLoopback lets the address be on this machine, over http.
	AllowLoopback bool
	// Timeout bounds one call; zero is 8 s.
	Timeout time.Duration
}

const pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

var pagerDutyHosts = []string{"events.pagerduty.com", "events.eu.pagerduty.com"}

// PagerDuty triggers, acknowledges and resolves. The incident's id is the
// dedup_key, so a repeated delivery changes nothing there. It implements
// [message.Receiver].
type PagerDuty struct {
	options PagerDutyOptions
	client  *http.Client
}

var _ message.Receiver = (*PagerDuty)(nil)

// NewPagerDuty returns a receiver, or says what is wrong with its options.
func NewPagerDuty(o PagerDutyOptions) (*PagerDuty, error) {
	if o.URL == "" {
		o.URL = pagerDutyURL
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	u, err := url.Parse(o.URL)
	switch {
	case o.Name == "":
		return nil, errors.New("pagerduty receiver: name is empty")
	case o.RoutingKey == nil:
		return nil, fmt.Errorf("receiver %s: routing_key is missing", o.Name)
	case err != nil, !slices.Contains(pagerDutyHosts, u.Hostname()) && (!o.AllowLoopback || !outbound.IsLoopback(u.Hostname())):
		return nil, fmt.Errorf("receiver %s: url must be PagerDuty's, for example %s", o.Name, pagerDutyURL)
	}
	return &PagerDuty{
		options: o,
		client:  outbound.NewClient(outbound.Options{Hosts: pagerDutyHosts, AllowLoopback: o.AllowLoopback, Timeout: o.Timeout}),
	}, nil
}

// Name implements [message.Receiver].
func (p *PagerDuty) Name() string { return p.options.Name }

// Deliver implements [message.Receiver].
func (p *PagerDuty) Deliver(ctx context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	for _, action := range actions(m) {
		err := p.send(ctx, m, action, false)
		if message.BadCredential(err) {
			err = p.send(ctx, m, action, true)
		}
		if err != nil {
			return prev, message.OutcomeOf(err), err
		}
	}
	return message.Ref{ID: m.ID}, message.OutcomeOf(nil), nil
}

// actions returns what PagerDuty must be told to be where m is. An incident that
// was over before anything was sent leaves a resolved one there, not nothing.
func actions(m message.Message) []string {
	over := m.State == message.Resolved || m.State == message.Gone
	switch {
	case over && m.Opening:
		return []string{"trigger", "resolve"}
	case over:
		return []string{"resolve"}
	case m.State == message.Acknowledged && m.Opening:
		return []string{"trigger", "acknowledge"}
	case m.State == message.Acknowledged:
		return []string{"acknowledge"}
	case m.Loud:
		// A trigger of an open dedup_key is added to its log and notifies no one anew.
		return []string{"trigger"}
	}
	return nil
}

// pagerDutyEvent is a request to the Events API v2
// (developer.pagerduty.com/docs/send-alert-event).
type pagerDutyEvent struct {
	RoutingKey  string          `json:"routing_key"`
	EventAction string          `json:"event_action"`
	DedupKey    string          `json:"dedup_key"`
	Client      string          `json:"client,omitempty"`
	ClientURL   string          `json:"client_url,omitempty"`
	Payload     *payload        `json:"payload,omitempty"`
	Links       []pagerDutyLink `json:"links,omitempty"`
}

type payload struct {
	Summary   string         `json:"summary"`
	Source    string         `json:"source"`
	Severity  string         `json:"severity"`
	Timestamp string         `json:"timestamp,omitempty"`
	Component string         `json:"component,omitempty"`
	Group     string         `json:"group,omitempty"`
	Class     string         `json:"class,omitempty"`
	Details   map[string]any `json:"custom_details,omitempty"`
}

type pagerDutyLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// maxSummary is PagerDuty's limit.
const maxSummary = 1024

func (p *PagerDuty) send(ctx context.Context, m message.Message, action string, again bool) error {
	const doing = "sending to PagerDuty"
	key, err := p.options.RoutingKey(ctx, again)
	if err != nil {
		return message.FailCredential(doing, err)
	}
	body, err := encode(newPagerDutyEvent(m, action, key))
	if err != nil {
		return message.Fail(message.Refused, doing, err.Error())
	}
	return post(ctx, p.client, doing, p.options.URL, body, http.Header{}, key)
}

func newPagerDutyEvent(m message.Message, action string, key secrets.Value) pagerDutyEvent {
	e := pagerDutyEvent{RoutingKey: key.Reveal(), EventAction: action, DedupKey: "pongwatch/" + m.ID}
	if action != "trigger" {
		return e
	}
	source := m.Database
	if source == "" {
		source = "shard " + m.Shard
	}
	details := map[string]any{"incident": m.Short, "what_to_do": todo(m), "likely_cause": m.CauseTitle, "next": m.Next}
	for label, text := range map[string]string{"impact": m.Impact, "news": m.News, "environment": m.Environment} {
		if text != "" {
			details[label] = text
		}
	}
	for _, f := range m.Facts {
		details[f.Label] = f.String()
	}
	for _, x := range m.Evidence {
		details["evidence: "+x.Label] = x.Text
	}
	if len(m.Members) > 0 {
		details["databases"] = message.MemberLines(m)
	}
	e.Client = "pongwatch"
	e.Payload = &payload{
		Summary: text.Clip(m.Headline+" · "+m.Short, maxSummary), Source: source, Severity: severity(m),
		Timestamp: m.Since.UTC().Format(time.RFC3339), Component: m.Database, Group: m.Shard, Class: string(m.Cause), Details: details,
	}
	for _, l := range m.Links {
		if l.Label == "Dashboard" {
			e.ClientURL = l.URL
		}
		e.Links = append(e.Links, pagerDutyLink{Href: l.URL, Text: l.Label})
	}
	return e
}

// todo lists the steps, each with its commands.
func todo(m message.Message) []string {
	var lines []string
	for _, step := range m.Fix {
		lines = append(append(lines, step.Text), step.Commands...)
	}
	return lines
}

func severity(m message.Message) string {
	switch {
	case m.Drill, m.Severity == cause.SeverityInfo:
		return "info"
	case m.Severity == cause.SeverityCritical:
		return "critical"
	}
	return "warning"
}
