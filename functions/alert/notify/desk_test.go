package notify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

// desk notifies of what a test does to incidents, minute by minute.
type desk struct {
	t   *testing.T
	s   incident.State
	p   policy.Policy
	now time.Time
	// pending are the changes of the next step, explained its argument.
	pending   []incident.Change
	explained map[string]bool
	// down names the receivers that answer "later", gone those that refuse for good.
	down, gone map[string]bool
	// told lists "minute receiver event" of all that was delivered, silent edits in brackets.
	told []string
	// dropped lists "id address" of what was dropped.
	dropped []string
	// events lists "event of id" with what withheld it, of the last step.
	events []string
}

func newDesk(t *testing.T) *desk {
	p := policy.Default()
	p.Databases = map[string]policy.Database{"a": {}, "b": {}, "c": {}, "d": {}}
	p.Receivers = map[string]policy.Receiver{"slack": {Pages: true}}
	p.Routes = []policy.Route{{Receivers: []string{"slack"}}}
	return &desk{t: t, s: incident.New("main", noon), p: p, now: noon, down: map[string]bool{}, gone: map[string]bool{}}
}

// escalating adds a receiver that is told when no one acknowledges.
func (d *desk) escalating() *desk {
	d.p.Receivers["boss"] = policy.Receiver{Pages: true}
	d.p.Routes[0].Escalate = []string{"boss"}
	return d
}

// paging adds a receiver that reminds and escalates by itself.
func (d *desk) paging() *desk {
	d.p.Receivers["pager"] = policy.Receiver{Pages: true, Reminds: true}
	d.p.Routes[0].Receivers = []string{"slack", "pager"}
	return d
}

// open opens an incident of a database's ping, whose id is the database's name in capitals.
func (d *desk) open(databases ...string) {
	for _, name := range databases {
		id := strings.ToUpper(name)
		d.s.Incidents[id] = &incident.Incident{
			ID: id, Series: report.Series{Database: name, Check: report.Ping}, Severity: cause.SeverityCritical, Status: report.Fail,
			Cause: cause.TimeoutResponse, Since: d.now, Opened: d.now,
		}
		d.change(id, incident.Opened)
	}
}

func (d *desk) change(id string, event incident.Event) {
	d.pending = append(d.pending, incident.Change{ID: id, Event: event})
}

func (d *desk) resolve(ids ...string) {
	for _, id := range ids {
		d.s.Incidents[id].Resolved = d.now
		d.change(id, incident.Resolved)
	}
}

func (d *desk) reopen(ids ...string) {
	for _, id := range ids {
		inc := d.s.Incidents[id]
		inc.Resolved = time.Time{}
		inc.Reopened++
		inc.Reopenings = append(inc.Reopenings, d.now)
		d.change(id, incident.Reopened)
	}
}

func (d *desk) command(c report.Command) bool {
	d.t.Helper()
	if c.ID == "" {
		c.ID = fmt.Sprintf("c%d-%d", d.minute(), len(d.s.Commands))
	}
	if c.At.IsZero() {
		c.At = d.now
	}
	c.By = "alice"
	changes, told := Command(&d.s, c, d.p, d.now)
	d.pending = append(d.pending, changes...)
	d.log(told)
	_, applied := d.s.Commands[c.ID]
	return applied
}

func (d *desk) minute() int { return int(d.now.Sub(noon) / time.Minute) }

func (d *desk) log(told []Transition) {
	for _, tr := range told {
		if tr.Dropped != "" {
			d.dropped = append(d.dropped, tr.ID+" "+tr.Dropped)
			continue
		}
		d.events = append(d.events, strings.TrimSuffix(fmt.Sprintf("%s of %s/%s", tr.Event, tr.ID, tr.Withheld), "/"))
	}
}

// step passes the pending changes through the stages, delivers, and lets a minute pass.
func (d *desk) step() {
	d.t.Helper()
	d.events = nil
	changes := append(d.pending, Suppress(&d.s, d.p, d.now)...)
	d.pending = nil
	Group(&d.s, d.p, d.now)
	d.log(Reconcile(&d.s, d.p, d.now))
	d.log(Tell(&d.s, changes, d.p, d.now))
	d.log(Remind(&d.s, d.explained, d.p, d.now))
	Prune(&d.s, d.p, d.now)
	d.deliver()
	d.now = d.now.Add(time.Minute)
}

func (d *desk) deliver() {
	d.t.Helper()
	next, notices := Claim(d.s, d.now, "w", 90*time.Second, 1000)
	var results []Result
	for _, n := range notices {
		r := Result{ID: n.ID(), Address: n.Address, Owner: "w", Want: n.Want, Open: n.Open, Outcome: message.Outcome{Result: message.Delivered}, Ref: incident.Ref{ID: "x"}}
		switch {
		case d.gone[n.Address]:
			r.Result, r.Reason = message.Refused, "revoked"
		case d.down[n.Address]:
			r.Result, r.Reason = message.Later, "503"
		case n.Address != incident.Documents:
			event := string(n.Event())
			if !n.Event().Loud() {
				event = "(" + event + ")"
			}
			d.told = append(d.told, fmt.Sprintf("%d %s %s", d.minute(), n.Address, event))
		}
		results = append(results, r)
	}
	d.s = Record(next, results, d.p, d.now)
}

// steps lets minutes pass.
func (d *desk) steps(n int) {
	for range n {
		d.step()
	}
}

// want checks what was told; silent edits are left out unless one is wanted.
func (d *desk) want(told string) {
	d.t.Helper()
	got := d.told
	if !strings.Contains(told, "(") {
		got = slices.DeleteFunc(slices.Clone(got), func(text string) bool { return strings.Contains(text, "(") })
	}
	if diff := cmp.Diff(told, strings.Join(got, "; ")); diff != "" {
		d.t.Errorf("told (-want +got):\n%s", diff)
	}
}

// group returns the one group.
func (d *desk) group() *incident.Group {
	d.t.Helper()
	if len(d.s.Groups) != 1 {
		d.t.Fatalf("%d groups, want one", len(d.s.Groups))
	}
	for _, id := range slices.Sorted(maps.Keys(d.s.Groups)) {
		return d.s.Groups[id]
	}
	return nil
}
