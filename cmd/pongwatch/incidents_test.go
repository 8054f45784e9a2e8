package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	figures "github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/internal/texttest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

// fullView is the function's own golden answer: what it says can be printed.
func fullView(t *testing.T) incidents.View {
	t.Helper()
	data, err := os.ReadFile("../../shared/incident/incidents/testdata/view.json")
	if err != nil {
		t.Fatal(err)
	}
	var v incidents.View
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestShow(t *testing.T) {
	v := fullView(t)
	plainText := show(v, look{width: narrow})
	goldentest.Compare(t, "testdata/incidents.txt", plainText)
	goldentest.Compare(t, "testdata/incidents-colour.txt", strings.ReplaceAll(show(v, look{width: narrow, colour: true}), "\x1b", "␛"))
	goldentest.Compare(t, "testdata/incidents-none.txt", show(incidents.View{At: v.At}, look{width: narrow}))
	goldentest.Compare(t, "testdata/incidents-unknown.txt", show(incidents.View{At: v.At, Unread: []string{"eu"}, Stale: []string{"main", "us"}}, look{width: narrow}))

	// Colours say nothing that the words do not.
	coloured := show(v, look{width: narrow, colour: true})
	for _, c := range []string{red, yellow, green, "0"} {
		coloured = strings.ReplaceAll(coloured, "\x1b["+c+"m", "")
	}
	if diff := cmp.Diff(plainText, coloured); diff != "" {
		t.Errorf("without its colours it reads differently (-plain +coloured):\n%s", diff)
	}
}

// received returns what the command line has after v has come as an answer.
func received[T any](t *testing.T, v T) T {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var got T
	if !decoded(data, &got) {
		t.Fatalf("%s cannot be read", data)
	}
	return got
}

// Whatever a pongwatch at --url answers, no text of it drives the terminal.
func TestAnAnswerReachesTheTerminalAsWords(t *testing.T) {
	v := fullView(t)
	rapid.Check(t, func(r *rapid.T) {
		said := "x" + texttest.Hostile(r, "said")
		v := v
		v.Open = []incidents.Incident{{
			ID: said, FullID: said, Database: said, Check: report.MockMode, Subject: said, Severity: cause.SeverityCritical, Cause: cause.Cause(said), Title: said,
			Handling: incidents.Handling{Acknowledged: &incidents.Acknowledged{By: said, At: v.At}, Window: said},
			Told:     []incidents.Told{{Receiver: said, Delivery: incidents.DeliveryPending, Since: v.At, Tries: 7, Error: said}},
		}}
		v.Silences = []incidents.Silence{{Database: said, By: said, Reason: said, Until: v.At}}
		for line := range strings.Lines(show(received(t, v), look{width: narrow})) {
			if why := texttest.Unfit(strings.TrimSuffix(line, "\n"), 32<<10); why != "" {
				r.Errorf("%s: %.200q", why, line)
			}
		}
	})
}

// Whatever names and texts come, lines stay within the width, and nothing that came
// from outside reaches the terminal's controls.
func TestShowFits(t *testing.T) {
	v := fullView(t)
	long := strings.Repeat("a-rather-long-name-", 3) + "end"
	v.Open = append(v.Open, incidents.Incident{
		ID: "INC-000000", FullID: "20261122T182201Z-000000000000", Database: long, Check: report.MockMode, Subject: "ev\x1b[2Jil\nservice",
		Severity: cause.SeverityCritical, Cause: cause.IsolationViolation, Title: cause.IsolationViolation.Info().Title, DurationSeconds: 400000,
		Handling: incidents.Handling{Acknowledged: &incidents.Acknowledged{By: "\x1b]0;title\x07anna", At: v.At}},
		Told:     []incidents.Told{{Receiver: "slack-oncall", Delivery: incidents.DeliveryPending, Since: v.At, Tries: 7, Error: strings.Repeat("no answer ", 30) + "\x1b[31m"}},
	})
	v.Silences = append(v.Silences, incidents.Silence{Database: long, By: "b\x1bob", Reason: strings.Repeat("because ", 40), Until: v.At})
	v = received(t, v)
	for _, width := range []int{narrow, 100, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			text := show(v, look{width: width})
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
					t.Errorf("%d columns, want at most %d: %q", n, width, line)
				}
			}
			if strings.ContainsAny(text, "\x1b\x07") {
				t.Errorf("control characters come through: %q", text)
			}
			if !strings.Contains(text, long) {
				t.Error("the long name is nowhere in full")
			}
		})
	}
}

// A hundred databases of one group do not push everything else off the screen.
func TestShowLargeGroup(t *testing.T) {
	now := time.Date(2026, 11, 22, 18, 34, 5, 0, time.UTC)
	v := incidents.View{At: now, Groups: []incidents.Group{{ID: "INC-GGGGGG", Class: cause.ClassNetwork, Region: "eu-west-1", Severity: cause.SeverityCritical, State: incidents.StateOpen, Since: now}}}
	for i := range 100 {
		id := fmt.Sprintf("INC-%06d", i)
		v.Groups[0].Members = append(v.Groups[0].Members, id)
		if i > 0 {
			v.Open = append(v.Open, incidents.Incident{ID: id, FullID: id, Database: fmt.Sprintf("eu-%d", i), Check: report.Ping, Cause: cause.TimeoutResponse, Severity: cause.SeverityCritical, State: incidents.StateOpen, Group: "INC-GGGGGG"})
		}
	}
	text := show(v, look{width: narrow})
	for _, want := range []string{"99 incidents open", "group of 100", "regional outage of eu-west-1", "1 of 100 resolved", "79 more members"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n > 32 {
		t.Errorf("%d lines, want about 30", n)
	}
}

func TestIncidents(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	expect(t, exitOK, "Nothing is open.", "incidents", "--url", f.URL)
	id := f.fail("prod-cache")[0]
	out := expect(t, exitNo, "", "incidents", "--url", f.URL+"/")
	for _, want := range []string{"1 incident open: 1 critical.", id + "  critical  prod-cache  ping", "auth_invalid: Redis refuses the token", "notified email-oncall/a@example.com at "} {
		if !strings.Contains(out, want) {
			t.Errorf("it lacks %q:\n%s", want, out)
		}
	}
	out = expect(t, exitNo, "", "incidents", "--json", "--url", f.URL)
	var v incidents.View
	if err := json.Unmarshal([]byte(out), &v); err != nil || len(v.Open) != 1 || v.Open[0].ID != id {
		t.Errorf("%v, %d open; want the section as JSON:\n%s", err, len(v.Open), out)
	}
}

// "Nothing is open" from an Alert that hears nothing is no good news.
func TestIncidentsOfADeafAlert(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	f.state.Created = time.Now().Add(-time.Hour)
	code, out, _ := pongwatch(t, "incidents", "--url", f.URL)
	if code != exitFailed || !strings.Contains(out, "MAY BE OLD") || strings.Contains(out, "Nothing is open.") {
		t.Errorf("exit code %d, want 2 and the doubt:\n%s", code, out)
	}
}

// script answers one after the other, the last one for ever.
type script struct {
	views []any // incidents.View or error
	asked int
}

func (s *script) read(context.Context) (figures.Statistics, error) {
	next := s.views[min(s.asked, len(s.views)-1)]
	s.asked++
	if err, ok := next.(error); ok {
		return figures.Statistics{}, err
	}
	v := next.(incidents.View)
	return figures.Statistics{Incidents: v}, nil
}

// later returns the view as it is that much later, when nothing has happened.
func later(v incidents.View, d time.Duration) incidents.View {
	v.At = v.At.Add(d)
	v.Open = append([]incidents.Incident(nil), v.Open...)
	for i := range v.Open {
		v.Open[i].DurationSeconds += int64(d.Seconds())
		v.Open[i].Runs++ // one more failed check, with its own figures
		v.Open[i].Evidence = fmt.Sprintf("%d ms, limit 600 ms", 700+v.Open[i].Runs)
	}
	return v
}

// Without a screen --watch prints what has changed and nothing else, and a failure once.
func TestWatchWithoutScreen(t *testing.T) {
	at := time.Date(2026, 11, 22, 18, 34, 5, 0, time.UTC)
	none := incidents.View{At: at}
	open := incidents.View{At: at.Add(10 * time.Second), Open: []incidents.Incident{{
		ID: "INC-7F3A9K", Database: "prod-cache", Check: report.Ping, Severity: cause.SeverityCritical,
		Cause: cause.AuthInvalid, Title: "Redis refuses the token", Since: at, DurationSeconds: 10, State: incidents.StateOpen,
	}}}
	lost := errors.New("connection refused")
	for _, asJSON := range []bool{false, true} {
		t.Run(fmt.Sprintf("json %t", asJSON), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := script{views: []any{none, later(none, 5*time.Second), open, later(open, 5*time.Second), lost, lost, later(open, 20*time.Second)}}
				var out, problems strings.Builder
				w := watcher{read: s.read, out: &out, problems: &problems, json: asJSON, getenv: func(string) string { return "" }}
				ctx, cancel := context.WithTimeout(t.Context(), 44*time.Second)
				defer cancel()
				w.run(ctx)
				if s.asked != 9 {
					t.Errorf("%d looks in 44 s, want one every 5 s", s.asked)
				}
				if want := "pongwatch incidents: connection refused\n"; problems.String() != want {
					t.Errorf("problems %q, want %q once", problems.String(), want)
				}
				name := "watch.txt"
				if asJSON {
					name = "watch.jsonl"
				}
				goldentest.Compare(t, "testdata/"+name, out.String())
			})
		})
	}
}

// On a screen --watch redraws from the top, keeps the last answer when there is no new
// one and says so, and never scrolls.
func TestWatchOnScreen(t *testing.T) {
	var out strings.Builder
	w := watcher{out: &out}
	how := look{width: narrow, height: 24}
	draw := func(s figures.Statistics, err error) string {
		out.Reset()
		w.redraw(s, err, how)
		if !strings.HasPrefix(out.String(), "\x1b[H") || !strings.HasSuffix(out.String(), "\x1b[J") {
			t.Errorf("it does not draw from the top and clear the rest: %q", out.String())
		}
		if n := strings.Count(out.String(), "\n"); n >= how.height {
			t.Errorf("%d lines on a screen of %d", n, how.height)
		}
		return out.String()
	}
	if text := draw(figures.Statistics{}, errors.New("connection refused")); !strings.Contains(text, "NOT CURRENT: connection refused") {
		t.Errorf("before the first answer it says %q", text)
	}
	v := fullView(t)
	if text := draw(figures.Statistics{Incidents: v}, nil); !strings.Contains(text, "more lines") || strings.Contains(text, "NOT CURRENT") {
		t.Errorf("a long answer is not cut: %q", text)
	}
	if text := draw(figures.Statistics{}, errors.New("connection refused")); !strings.Contains(text, "NOT CURRENT") || !strings.Contains(text, "is of 2026-11-22 18:34:05 UTC") {
		t.Errorf("without a new answer it says %q", text)
	}
}

func TestLook(t *testing.T) {
	getenv := func(name string) string { return map[string]string{"NO_COLOR": ""}[name] }
	if l := lookOf(&strings.Builder{}, getenv); l != (look{width: narrow}) {
		t.Errorf("in a pipe it looks like %+v, want plain and narrow", l)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if l := lookOf(file, getenv); l != (look{width: narrow}) {
		t.Errorf("in a file it looks like %+v, want plain and narrow", l)
	}
}
