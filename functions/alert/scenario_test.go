package alert

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// A scenario is a text archive in testdata/scenarios: what happens (-- run --), the
// configuration (-- config --, and others under their names), and what each receiver was
// told (-- told --). A line of the run is one of
//
//	day 2027-03-28                    the clock is set to that day's midnight, before anything else
//	at 12:05                          the clock goes on to that time of the day, by default 22 November 2026
//	[N] ping[@REGION] a=x b=. …       a health check a minute, N times: . good, x no answer, a wrong token,
//	                                  q quota, 5 server error, ? unknown; "all=x" is every database
//	unclear|proven DB/CHECK…          a good ping of all, with apps whose page is unclear or that give their proof
//	late 1h ping …                    its schedule is that long ago, its observations too
//	check DB/CHECK STATUS [CAUSE] [by:SOURCE]  rides with the next ping
//	back 1h                           the clock steps back by that
//	[N] tick                          a minute passes without a report
//	signal SERVICE activated|deactivated
//	ack | silence 30m | unsilence     of the one open thread
//	RECEIVER later N | refused N      its next answers
//	store down | up
//	config NAME | restart             a new instance, perhaps with another configuration
//	state newer | older | garbled     what another version has left
type scenario struct {
	t        *testing.T
	sections map[string]string
	w        *world
	tellers  []*teller
	extra    []report.Observation
	told     []string
	mu       sync.Mutex
}

// teller writes down what it is told.
type teller struct {
	name string
	s    *scenario

	mu      sync.Mutex
	answers []message.Result
}

func (r *teller) Name() string { return r.name }

func (r *teller) Deliver(_ context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.answers) > 0 {
		a := r.answers[0]
		r.answers = r.answers[1:]
		return prev, message.Outcome{Result: a, Reason: "scenario"}, fmt.Errorf("scenario: %s", a)
	}
	if m.Loud {
		r.s.mu.Lock()
		r.s.told = append(r.s.told, fmt.Sprintf("%s %s: %s", r.s.w.clock.Now().Format("15:04"), r.name, strings.Replace(m.FirstLine(), m.Tag, "", 1))) // the tag has tests of its own
		r.s.mu.Unlock()
	}
	return message.Ref{ID: m.ID}, message.Outcome{Result: message.Delivered}, nil
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scenarios/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, want, ok := strings.Cut(string(data), "-- told --\n")
			if !ok {
				t.Fatal("no section told")
			}
			s := &scenario{t: t, sections: sections(head)}
			s.restart(s.sections["config"])
			for line := range strings.Lines(s.sections["run"]) {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
					s.line(line)
				}
			}
			// Receivers are told side by side: only each one's order means something.
			slices.SortStableFunc(s.told, func(a, b string) int {
				a, _, _ = strings.Cut(a, ": ")
				b, _, _ = strings.Cut(b, ": ")
				return strings.Compare(a, b)
			})
			got := strings.Join(s.told, "\n") + "\n"
			if goldentest.Update() {
				goldentest.Write(t, file, head+"-- told --\n"+got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// sections reads a text archive (the format of golang.org/x/tools/txtar).
func sections(text string) map[string]string {
	out := map[string]string{}
	name := ""
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "-- "); ok && strings.HasSuffix(n, " --") {
			name = strings.TrimSuffix(n, " --")
			continue
		}
		out[name] += line
	}
	return out
}

// restart makes a new instance over the same store.
func (s *scenario) restart(text string) {
	s.t.Helper()
	old := s.w
	receivers := map[string]message.Receiver{}
	c := parse(s.t, text)
	var addresses []string
	for i := range c.Receivers {
		addresses = append(addresses, policy.Addresses(&c.Receivers[i])...)
	}
	for _, name := range addresses {
		i := slices.IndexFunc(s.tellers, func(r *teller) bool { return r.name == name })
		if i < 0 {
			s.tellers = append(s.tellers, &teller{name: name, s: s})
			i = len(s.tellers) - 1
		}
		receivers[name] = s.tellers[i]
	}
	s.w = newWorld(s.t, func(o *Options) {
		o.Config, o.Receivers = c, receivers
		o.Context = MessageContext(o.Config, nil)
		if old != nil {
			o.Store, o.Now = old.faulty, old.clock.Now
		}
	})
	if old != nil {
		s.w.memory, s.w.faulty, s.w.clock = old.memory, old.faulty, old.clock
	}
}

func (s *scenario) line(line string) {
	s.t.Helper()
	words := strings.Fields(line)
	times := 1
	if n, err := strconv.Atoi(words[0]); err == nil {
		times, words = n, words[1:]
	}
	for range times {
		s.do(line, words)
	}
}

func (s *scenario) do(line string, words []string) {
	s.t.Helper()
	switch word, region, _ := strings.Cut(words[0], "@"); word {
	case "day":
		day, err := time.Parse(time.DateOnly, words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.w.clock.Add(day.Sub(s.w.clock.Now()))
	case "at":
		at, err := time.Parse("15:04", words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		today := s.w.clock.Now().Truncate(24 * time.Hour)
		s.w.clock.Add(today.Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute).Sub(s.w.clock.Now()))
	case "back":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.w.clock.Add(-d)
	case "ping":
		s.ping(region, 0, words[1:])
	case "late":
		ago, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		_, region, _ := strings.Cut(words[2], "@")
		s.ping(region, ago, words[3:])
	case "check":
		s.extra = append(s.extra, s.observation(words[1:]))
	case "unclear", "proven": // as these apps answer with the next ping
		for _, series := range words[1:] {
			status, by := "unknown", report.SourceApp
			if word == "proven" {
				status, by = "ok", report.SourceProof
			}
			s.extra = append(s.extra, s.observation([]string{series, status, "by:" + by}))
		}
		s.ping("", 0, []string{"all=."})
	case "tick":
		s.w.tick()
		s.w.clock.Add(time.Minute)
	case "signal":
		s.push(report.Encode(report.Signal{ID: "s", Source: report.SourceEvent, Service: words[1], Mode: report.Mode(words[2]), At: s.w.clock.Now()}))
	case "ack":
		s.push(report.Encode(report.Command{ID: line + s.w.clock.Now().String(), Action: report.Acknowledge, Incident: s.thread(), By: "alice", At: s.w.clock.Now()}))
	case "silence":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.push(report.Encode(report.Command{ID: line + s.w.clock.Now().String(), Action: report.Silence, Incident: s.thread(), For: d, By: "alice", At: s.w.clock.Now()}))
	case "store":
		s.w.faulty.Always(map[bool]func(storetest.Call) storetest.Fault{
			true: func(storetest.Call) storetest.Fault { return storetest.Unavailable },
		}[words[1] == "down"])
	case "restart":
		s.restart(s.sections["config"])
	case "config":
		s.restart(s.sections[words[1]])
	case "state":
		s.leave(words[1])
	default:
		s.answers(line, words)
	}
}

func (s *scenario) answers(line string, words []string) {
	s.t.Helper()
	for _, r := range s.tellers {
		if name, _, _ := strings.Cut(r.name, "/"); (name == words[0] || r.name == words[0]) && len(words) == 3 {
			n, err := strconv.Atoi(words[2])
			if err != nil {
				s.t.Fatal(err)
			}
			r.answers = append(r.answers, slices.Repeat([]message.Result{message.Result(words[1])}, n)...)
			return
		}
	}
	s.t.Fatalf("unknown line %q", line)
}

func (s *scenario) push(m report.Message, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	s.w.push(m)
}

// ping publishes a health check and lets a minute pass, unless it is of another
// region or late.
func (s *scenario) ping(region string, ago time.Duration, pairs []string) {
	s.t.Helper()
	now := s.w.clock.Now()
	at := now.Add(-ago)
	r := report.Report{Job: report.HealthCheck, Region: "us", Shard: "main", Scheduled: at, Finished: at, Every: time.Minute}
	if region != "" {
		r.Region = region
	}
	for _, pair := range pairs {
		name, letter, _ := strings.Cut(pair, "=")
		names := []string{name}
		if name == "all" {
			names = nil
			for _, d := range s.w.f.config.Databases {
				names = append(names, d.Name)
			}
		}
		for _, name := range names {
			o := s.w.ping(name, map[string]cause.Cause{
				"x": cause.TimeoutResponse, "a": cause.AuthInvalid, "q": cause.QuotaMonthly, "5": cause.Provider5xx,
			}[letter])
			if letter == "?" {
				o.Status, o.Clear = report.Unknown, false
			}
			o.Source, o.At = r.Region, at
			r.Observations = append(r.Observations, o)
		}
	}
	r.Observations = append(r.Observations, s.extra...)
	s.extra = nil
	s.push(report.Encode(r))
	r.Job, r.Observations, r.Every = report.Metrics, nil, 5*time.Minute
	s.push(report.Encode(r))
	if ago == 0 && region == "" {
		s.w.clock.Add(time.Minute)
	}
}

func (s *scenario) observation(words []string) report.Observation {
	key, ok := report.ParseSeries(words[0])
	if !ok {
		s.t.Fatalf("no series: %q", words[0])
	}
	o := report.Observation{
		Database: key.Database, Check: key.Check, Subject: key.Subject, Status: report.Status(words[1]), At: s.w.clock.Now(), Every: time.Minute,
	}
	o.Clear = o.Status == report.OK
	if key.Check == report.MockMode {
		o.Source = report.SourceApp
	}
	if kind, ok := strings.CutPrefix(words[len(words)-1], "by:"); ok {
		o.Source, words = kind, words[:len(words)-1]
	}
	if len(words) > 2 {
		o.Cause = cause.Cause(words[2])
	}
	return o
}

// thread returns the id of the one open thread.
func (s *scenario) thread() string {
	state := s.w.state()
	for id, g := range state.Groups {
		if g.Open() {
			return id
		}
	}
	for id, inc := range state.Incidents {
		if inc.Open() {
			return id
		}
	}
	s.t.Fatal("nothing is open")
	return ""
}
