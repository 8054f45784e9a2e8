package webhook

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
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

// NewPagerDuty returns a receiver that triggers, acknowledges and resolves, or says what is wrong
// with its options. The incident's id and generation are the dedup_key, so a repeated delivery
// changes nothing there.
func NewPagerDuty(o PagerDutyOptions) (*Receiver, error) {
	o.URL = cmp.Or(o.URL, pagerDutyURL)
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
	return &Receiver{
		name: o.Name, doing: "sending to PagerDuty",
		login:  message.NewLogin(o.RoutingKey),
		client: outbound.NewClient(outbound.Options{Hosts: pagerDutyHosts, AllowLoopback: o.AllowLoopback, Timeout: o.Timeout}),
		posts:  o.events,
	}, nil
}

// events returns a message as PagerDuty's events.
func (o PagerDutyOptions) events(m message.Message, prev message.Ref) ([]post, message.Ref) {
	actions, next := actions(m, prev)
	var posts []post
	for _, a := range actions {
		posts = append(posts, func(keys []secrets.Value) request {
			return request{address: o.URL, body: newPagerDutyEvent(m, a, keys[0]), known: keys}
		})
	}
	return posts, next
}

// action is one event for the alert of one generation.
type action struct {
	name       string
	generation int
}

// actions returns what PagerDuty must be told to be where m is, and the Ref after it. Each
// generation of a group is an alert of its own there, because a trigger of one that is open,
// or acknowledged, notifies no one. The Ref holds the first generation that is not resolved,
// and the first that is not acknowledged: an acknowledge is sent once, as a second one would
// begin PagerDuty's own timeout anew. An incident that was over before anything was sent leaves a
// resolved alert there, not nothing.
func actions(m message.Message, prev message.Ref) (events []action, next message.Ref) {
	first, _ := strconv.Atoi(prev.Channel) // an empty one is 0
	unacknowledged, _ := strconv.Atoi(prev.Thread)
	all := func(name string, from int) {
		for g := from; g <= m.Generation; g++ {
			events = append(events, action{name, g})
		}
	}
	over := m.State == message.Resolved || m.State == message.Gone
	ended := slices.Contains(m.Events, incident.Resolved) || slices.Contains(m.Events, incident.NoLongerWatched)
	if !over && ended && !m.Opening { // it has failed again before its end could be told
		all("resolve", first)
		first, unacknowledged = m.Generation, m.Generation
	}
	if m.Opening || m.Loud && !over {
		events = append(events, action{"trigger", m.Generation})
	}
	switch {
	case over:
		all("resolve", first)
		first, unacknowledged = m.Generation, m.Generation
	case m.State == message.Acknowledged && (m.Opening || slices.Contains(m.Events, incident.Acknowledged)):
		all("acknowledge", unacknowledged)
		unacknowledged = m.Generation + 1
	}
	next = message.Ref{ID: m.ID}
	if first > 0 {
		next.Channel = strconv.Itoa(first)
	}
	if unacknowledged > 0 {
		next.Thread = strconv.Itoa(unacknowledged)
	}
	return events, next
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

func newPagerDutyEvent(m message.Message, a action, key secrets.Value) pagerDutyEvent {
	e := pagerDutyEvent{RoutingKey: key.Reveal(), EventAction: a.name, DedupKey: "pongwatch/" + m.ID}
	if a.generation > 0 {
		e.DedupKey += "/" + strconv.Itoa(a.generation)
	}
	if a.name != "trigger" {
		return e
	}
	severity := cmp.Or(m.Severity, cause.SeverityWarning)
	if m.Drill {
		severity = cause.SeverityInfo
	}
	var todo []string
	for _, step := range m.Fix {
		todo = append(append(todo, step.Text), step.Commands...)
	}
	details := map[string]any{"incident": m.Short, "what_to_do": todo, "likely_cause": m.CauseTitle, "next": m.Next}
	for label, text := range map[string]string{"impact": m.Impact, "news": m.News, "changed": m.Changed, "environment": m.Environment} {
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
		details["databases"] = "  " + strings.Join(m.MemberLines(), "\n  ") + "\n"
	}
	e.Client = "pongwatch"
	e.Payload = &payload{
		Summary: text.Clip(m.Headline+" · "+m.Short, maxSummary), Source: cmp.Or(m.Database, "shard "+m.Shard), Severity: string(severity),
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
