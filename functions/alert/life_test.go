package alert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// sim runs Step over a made-up life of one shard and delivers everything at once.
type sim struct {
	t   *testing.T
	s   incident.State
	p   policy.Policy
	now time.Time
	// told lists "minute receiver event" of everything loud that was delivered.
	told []string
	// events lists "minute event[/withheld]" of all transitions but updates.
	events []string
	// down names the receivers that answer "later".
	down map[string]bool
	runs int
}

func newSim(t *testing.T) *sim {
	p := policy.Default()
	p.Databases = map[string]policy.Database{"a": {}, "b": {}, "c": {}, "d": {}}
	p.Jobs = []policy.Job{{Job: report.HealthCheck, Region: "us", Every: time.Minute}}
	p.Receivers = map[string]policy.Receiver{"slack": {Pages: true}}
	return &sim{t: t, s: incident.New("main", noon), p: p, now: noon, down: map[string]bool{}}
}

func (w *sim) minute() int { return int(w.now.Sub(noon) / time.Minute) }

func (w *sim) step(in Input) []notify.Transition {
	w.t.Helper()
	before, err := incident.Encode(w.s)
	if err != nil {
		w.t.Fatal(err)
	}
	s, ts := Step(w.s, in, w.p, w.now)
	if after, _ := incident.Encode(w.s); !slices.Equal(before, after) {
		w.t.Fatal("Step changed its argument")
	}
	for _, tr := range ts {
		if tr.Event == incident.Updated {
			continue
		}
		text := fmt.Sprintf("%d %s", w.minute(), tr.Event)
		if tr.Withheld != "" {
			text += "/" + tr.Withheld
		}
		w.events = append(w.events, text)
	}
	s, notices := notify.Claim(s, w.now, "w", 90*time.Second, 1000)
	// What is stored is what the next step reads.
	data, err := incident.Encode(s)
	if err != nil {
		w.t.Fatal(err)
	}
	if s, err = incident.Decode(data); err != nil {
		w.t.Fatal(err)
	}
	var results []notify.Result
	for _, n := range notices {
		r := notify.Result{ID: n.ID(), Address: n.Address, Owner: "w", Want: n.Want, Open: n.Open, Outcome: message.Outcome{Result: message.Delivered}, Ref: incident.Ref{ID: "x"}}
		if w.down[n.Address] {
			r.Result, r.Reason = message.Later, "503"
		} else if n.Address != incident.Documents && n.Event().Loud() {
			w.told = append(w.told, fmt.Sprintf("%d %s %s", w.minute(), n.Address, n.Event()))
		}
		results = append(results, r)
	}
	w.s = notify.Record(s, results, w.p, w.now)
	return ts
}

// observation makes one of a database's ping from a letter: '.' good, 'x' timeout,
// 'a' wrong token, 'q' quota, '5' server error, '?' unknown.
func (w *sim) ping(database, region string, letter rune) report.Observation {
	o := report.Observation{
		Database: database, Check: report.Ping, Source: region, Status: report.Fail, At: w.now.Add(time.Second), Every: time.Minute,
	}
	switch letter {
	case '.':
		o.Status, o.Clear = report.OK, true
	case 'x':
		o.Cause = cause.TimeoutResponse
	case 'a':
		o.Cause = cause.AuthInvalid
	case 'q':
		o.Cause = cause.QuotaMonthly
	case '5':
		o.Cause = cause.Provider5xx
	case '?':
		o.Status = report.Unknown
	default:
		w.t.Fatalf("unknown letter %q", letter)
	}
	return o
}

func (w *sim) report(region string, obs ...report.Observation) Input {
	w.runs++
	return Input{Report: &report.Report{
		Job: report.HealthCheck, Region: region, Shard: "main", Scheduled: w.now, Finished: w.now.Add(2 * time.Second), Every: time.Minute, Observations: obs,
	}}
}

// life plays one letter a minute for database a: ' ' is a tick without a report.
func (w *sim) life(letters string) {
	w.t.Helper()
	for _, l := range letters {
		if l == ' ' {
			w.step(Input{})
		} else {
			w.step(w.report("us", w.ping("a", "us", l)))
		}
		w.now = w.now.Add(time.Minute)
	}
}

func (w *sim) check(wantTold string) {
	w.t.Helper()
	got := strings.Join(w.told, "; ")
	if diff := cmp.Diff(strings.ReplaceAll(wantTold, "\n", ""), got); diff != "" {
		w.t.Errorf("told (-want +got):\n%s\nevents: %s", diff, strings.Join(w.events, "; "))
	}
}

func TestPingLife(t *testing.T) {
	for _, c := range []struct{ name, life, told string }{
		{"one timeout opens nothing", "..x....", ""},
		{"two timeouts in a row open, two good pings close", "..xx..", "3 slack opened; 5 slack resolved"},
		{"three of five open as well", ".x.x.x", "5 slack opened"},
		{"two of five do not", ".x.x..x..", ""},
		{"what led to one outage does not count towards the next", ".xx..x..", "2 slack opened; 4 slack resolved"},
		{"a wrong token opens at once and closes at once", "..a.", "2 slack opened; 3 slack resolved"},
		{"a used-up quota opens at once", ".q", "1 slack opened"},
		{"unknown neither advances a threshold nor resets it", ".x?x", "3 slack opened"},
		{"unknown does not resolve", ".xx???.?.", "2 slack opened; 8 slack resolved"},
		{"a failure soon after the resolve reopens the incident and needs three good pings", ".xx..xx...", "2 slack opened; 4 slack resolved; 6 slack reopened; 9 slack resolved"},
		{"a reopened wrong token needs three as well", ".a.a..." + ".", "1 slack opened; 2 slack resolved; 3 slack reopened; 6 slack resolved"},
		{"a failure long after the resolve is a new incident", ".xx.." + strings.Repeat(".", 16) + "xx", "2 slack opened; 4 slack resolved; 22 slack opened"},
		{"an open incident survives a silence of the job, which is itself an incident", ".xx       xx", "2 slack opened; 8 slack opened; 10 slack resolved"},
		{"the reminder comes after half an hour", "." + strings.Repeat("x", 34), "2 slack opened; 32 slack reminder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSim(t)
			w.life(c.life)
			w.check(c.told)
		})
	}
}
