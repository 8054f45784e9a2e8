package webhook_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// published are the fields of an event as PagerDuty lists them
// (developer.pagerduty.com/docs/events-api-v2/trigger-events).
type published struct {
	RoutingKey  string `json:"routing_key"`
	EventAction string `json:"event_action"`
	DedupKey    string `json:"dedup_key"`
	Client      string `json:"client"`
	ClientURL   string `json:"client_url"`
	Payload     *struct {
		Summary       string         `json:"summary"`
		Source        string         `json:"source"`
		Severity      string         `json:"severity"`
		Timestamp     time.Time      `json:"timestamp"`
		Component     string         `json:"component"`
		Group         string         `json:"group"`
		Class         string         `json:"class"`
		CustomDetails map[string]any `json:"custom_details"`
	} `json:"payload"`
	Images []struct{ Src, Href, Alt string } `json:"images"`
	Links  []struct{ Href, Text string }     `json:"links"`
}

// TestEventsKeepToPagerDutysFieldList: no key that PagerDuty does not list, every key that
// it requires, and its limits, for every event and cause.
func TestEventsKeepToPagerDutysFieldList(t *testing.T) {
	c := catch(t, nil)
	p := pagerDuty(t, c.URL)
	check := func(n incident.Notice) {
		t.Helper()
		c.bodies = nil
		if _, _, err := p.Deliver(t.Context(), message.Render(n, messagetest.Context()), message.Ref{}); err != nil {
			t.Fatal(err)
		}
		for _, body := range c.bodies {
			var e published
			d := json.NewDecoder(strings.NewReader(body))
			d.DisallowUnknownFields()
			if err := d.Decode(&e); err != nil {
				t.Fatalf("%s: %v: %s", n.Event(), err, body)
			}
			trigger := e.EventAction == "trigger"
			if e.RoutingKey == "" || !slices.Contains([]string{"trigger", "acknowledge", "resolve"}, e.EventAction) || e.DedupKey == "" || len(e.DedupKey) > 255 || trigger != (e.Payload != nil) {
				t.Errorf("%s: %s", n.Event(), body)
			}
			if trigger && (e.Payload.Summary == "" || utf8.RuneCountInString(e.Payload.Summary) > 1024 || e.Payload.Source == "" || e.Payload.Timestamp.IsZero() ||
				!slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity) || len(body) > 512<<10) {
				t.Errorf("%s: payload %s", n.Event(), body)
			}
			for _, l := range e.Links {
				if l.Href == "" || l.Text == "" {
					t.Errorf("%s: link %+v", n.Event(), l)
				}
			}
		}
	}
	for _, e := range messagetest.Events() {
		for _, x := range cause.All() {
			check(messagetest.Notice(e, x))
		}
		if e != incident.Drill {
			check(messagetest.Group(e, 5))
		}
	}
}
