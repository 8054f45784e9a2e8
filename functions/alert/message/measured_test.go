package message_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// traffic is the requests of a span: the errors among them, and the 95th percentile in milliseconds.
func traffic(requests, errs int64, p95 float64) report.Traffic {
	return report.Traffic{Requests: requests, Errors: errs, P95: p95}
}

func TestMeasuredImpact(t *testing.T) {
	of := func(during, before report.Traffic, own int64) report.Impact {
		return report.Impact{Service: "backend", Since: messagetest.Since, During: during, Before: before, Own: own}
	}
	well := of(traffic(1204, 0, 90), traffic(6000, 12, 80), 0)
	tests := []struct {
		name    string
		impacts []report.Impact
		want    string // empty: the general line stays
	}{
		{"errors", []report.Impact{of(traffic(1079, 410, 90), traffic(6000, 12, 80), 0)}, "backend answers 38 % 5xx since 18:22 UTC (0.2 % before), about 410 requests. PING"},
		{"one error among few", []report.Impact{of(traffic(3, 1, 0), traffic(9, 0, 0), 0)}, "backend answers 33 % 5xx since 18:22 UTC (0 % before), about 1 request. PING"},
		{"a small share", []report.Impact{of(traffic(1000, 25, 0), traffic(1000, 1, 0), 0)}, "backend answers 2.5 % 5xx since 18:22 UTC (0.1 % before), about 25 requests. PING"},
		{"errors, and nothing is known of before", []report.Impact{of(traffic(100, 50, 0), report.Traffic{}, 0)}, "backend answers 50 % 5xx since 18:22 UTC, about 50 requests. PING"},
		{"nearly all fail", []report.Impact{of(traffic(1000, 997, 0), report.Traffic{}, 0)}, "backend answers 99.7 % 5xx since 18:22 UTC, about 997 requests. PING"},
		{"none", []report.Impact{well}, "No user impact seen: backend answers as before, 1,204 requests. PING"},
		{"none, of two", []report.Impact{well, {Service: "web", During: traffic(10, 0, 0), Before: traffic(10, 0, 0)}}, "No user impact seen: backend answers as before, 1,204 requests; web answers as before, 10 requests. PING"},
		{"of two, one has errors", []report.Impact{well, {Service: "web", Since: messagetest.Since, During: traffic(10, 9, 0)}}, "web answers 90 % 5xx since 18:22 UTC, about 9 requests. PING"},
		{"of two, one is not known", []report.Impact{well, {Service: "web"}}, ""},
		{"slow", []report.Impact{of(traffic(100, 0, 4210), traffic(100, 0, 180), 0)}, "5 % of backend's requests take 4,210 ms or more since 18:22 UTC (180 ms before). PING"},
		{"slower, and still fast", []report.Impact{of(traffic(100, 0, 400), traffic(100, 0, 80), 0)}, "No user impact seen: backend answers as before, 100 requests. PING"},
		{"as slow as before", []report.Impact{of(traffic(100, 0, 4210), traffic(100, 0, 4000), 0)}, "No user impact seen: backend answers as before, 100 requests. PING"},
		{"errors as before", []report.Impact{of(traffic(100, 5, 0), traffic(100, 5, 0), 0)}, "No user impact seen: backend answers as before, 100 requests. PING"},
		{"somewhat more errors prove neither", []report.Impact{of(traffic(100, 8, 0), traffic(100, 5, 0), 0)}, ""},
		{"no requests: nothing is known", []report.Impact{of(report.Traffic{}, traffic(100, 0, 0), 0)}, ""},
		{"few requests prove nothing", []report.Impact{of(traffic(9, 0, 0), traffic(100, 0, 0), 0)}, ""},
		{"no errors, and nothing is known of before", []report.Impact{of(traffic(100, 0, 0), report.Traffic{}, 0)}, ""},
		{"errors that may be pongwatch's own answers prove nothing", []report.Impact{of(traffic(100, 12, 0), traffic(100, 0, 0), 12)}, ""},
		{"errors beyond its own", []report.Impact{of(traffic(112, 62, 0), traffic(100, 0, 0), 12)}, "backend answers 50 % 5xx since 18:22 UTC (0 % before), about 50 requests. PING"},
		{"all requests may be its own", []report.Impact{of(traffic(12, 12, 0), traffic(100, 0, 0), 12)}, ""},
		{"none at all", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := rendered(incident.Reminder, cause.AuthInvalid, func(n *incident.Notice) { n.Incident.Impacts = tt.impacts })
			if tt.want == "" {
				if plain := rendered(incident.Reminder, cause.AuthInvalid, func(*incident.Notice) {}); m.Impact != plain.Impact {
					t.Errorf("impact %q, want the general one, %q", m.Impact, plain.Impact)
				}
			} else if !strings.HasPrefix(m.Impact, tt.want) {
				t.Errorf("impact %q, want %q", m.Impact, tt.want)
			}
		})
	}
}

// A failure that is older than what was measured is not said to have been measured since then.
func TestTheImpactOfALongIncident(t *testing.T) {
	m := rendered(incident.Reminder, cause.AuthInvalid, func(n *incident.Notice) {
		n.Now = messagetest.Since.Add(48 * time.Hour)
		n.Incident.Impacts = []report.Impact{{Service: "backend", Since: messagetest.Since.Add(24 * time.Hour), During: traffic(100, 50, 0)}}
	})
	if want := "backend answers 50 % 5xx in the last 1 d, about 50 requests. "; !strings.HasPrefix(m.Impact, want) {
		t.Errorf("impact %q, want %q", m.Impact, want)
	}
	for _, event := range []incident.Event{incident.Resolved, incident.Past} {
		m = rendered(event, cause.AuthInvalid, func(n *incident.Notice) {
			n.Incident.Impacts = []report.Impact{{Service: "backend", Since: messagetest.Since, During: traffic(100, 50, 0)}}
		})
		if strings.Contains(m.Impact, "backend") {
			t.Errorf("%s: what is over is told in the present tense: %q", event, m.Impact)
		}
	}
}

func TestTheImpactOfAGroup(t *testing.T) {
	errs := report.Impact{Service: "backend", Since: messagetest.Since, During: traffic(100, 50, 0)}
	well := report.Impact{Service: "web", Since: messagetest.Since, During: traffic(100, 0, 0), Before: traffic(100, 0, 0)}
	impact := func(of ...[]report.Impact) string {
		n := messagetest.Group(incident.Opened, 3)
		for i := range n.Members {
			n.Members[i].Impacts = nil
			if i < len(of) {
				n.Members[i].Impacts = of[i]
			}
		}
		return message.Render(n, messagetest.Context()).Impact
	}
	members := len(messagetest.Group(incident.Opened, 3).Members)
	all := make([][]report.Impact, members)
	for i := range all {
		all[i] = []report.Impact{well}
	}
	if got, want := impact([]report.Impact{errs}, []report.Impact{errs}), "backend answers 50 % 5xx since 18:22 UTC, about 50 requests. Failing now: "; !strings.HasPrefix(got, want) {
		t.Errorf("one service of two databases: %q, want %q", got, want)
	}
	if got, want := impact(all...), "No user impact seen: web answers as before, 100 requests. Failing now: "; !strings.HasPrefix(got, want) {
		t.Errorf("all are well: %q, want %q", got, want)
	}
	if got := impact([]report.Impact{well}); strings.Contains(got, "No user impact") {
		t.Errorf("of one of %d: %q", members, got)
	}
}

func TestWhatWasChanged(t *testing.T) {
	tests := []struct {
		name  string
		ago   time.Duration
		again time.Duration
		want  string
	}{
		{"minutes before", 3 * time.Minute, 0, "3 min before: backend-00042 got 100 % of the traffic"},
		{"an hour before", time.Hour, 0, "1 h before: backend-00042 got 100 % of the traffic"},
		{"seconds before", 59 * time.Second, 0, "just before: backend-00042 got 100 % of the traffic"},
		{"by a clock that differs", -time.Minute, 0, "just before: backend-00042 got 100 % of the traffic"},
		{"before it failed again", 3 * time.Minute, 10 * time.Minute, "13 min before: backend-00042 got 100 % of the traffic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			change := &report.Change{At: messagetest.Since.Add(-tt.ago), Kind: report.Deployed, What: "backend-00042 got 100 % of the traffic"}
			m := rendered(incident.Opened, cause.AuthInvalid, func(n *incident.Notice) {
				n.Incident.Changed = change
				if tt.again > 0 {
					n.Incident.Again = n.Incident.Since.Add(tt.again)
				}
			})
			if m.Changed != tt.want || len(m.Notes) != 1 || m.Notes[0].Text != "Changed "+tt.want+"." {
				t.Errorf("says %q and notes %v, want %q", m.Changed, m.Notes, tt.want)
			}
			n := messagetest.Group(incident.Opened, 3)
			for i := range n.Members {
				n.Members[i].Changed = change
			}
			if got := message.Render(n, messagetest.Context()); tt.again == 0 && got.Changed != tt.want {
				t.Errorf("the group says %q", got.Changed)
			}
		})
	}
	if m := rendered(incident.Opened, cause.AuthInvalid, func(*incident.Notice) {}); m.Changed != "" || len(m.Notes) > 0 {
		t.Errorf("nothing was changed: %q", m.Changed)
	}
	over := rendered(incident.Resolved, cause.AuthInvalid, func(n *incident.Notice) { n.Incident.Changed = &report.Change{At: messagetest.Since, What: "x"} })
	if over.Changed != "" || len(over.Notes) > 0 {
		t.Errorf("it is over: %q", over.Changed)
	}
}
