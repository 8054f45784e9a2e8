package alert

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// What a service's revisions say, in the order in which it arrives: "12 r1 on" is what
// r1 signed in minute 12, "@20" is that minute's tick, and "20 r1 on @31" arrived in 31.
func TestSignalsAreOrderedPerRevision(t *testing.T) {
	tests := []struct {
		name, says string
		source     string
		told       string
	}{
		{
			"an activation of an old revision that comes after its end is old news",
			"0 r1 on, 2 r1 off, 1 r1 on @3", report.SourceEvent,
			"0 slack opened; 2 slack resolved",
		},
		{
			"an activation of an old revision that comes after another revision's end is news: both may serve",
			"2 r2 off, 1 r1 on @3", report.SourceEvent,
			"3 slack opened",
		},
		{
			"a new revision in mock mode while the old one is fine",
			"0 r1 off, 1 r2 on, 2 r1 off", report.SourceEvent,
			"1 slack opened",
		},
		{
			"what the old one says ends nothing of the new one",
			"0 r1 on, 1 r2 on, 2 r1 off, 4 r2 off", report.SourceEvent,
			"0 slack opened; 4 slack resolved",
		},
		{
			"a new revision that is fine does not excuse the old one, which still serves",
			"0 r1 on, 1 r2 off, 5 r1 on, 10 r1 on, @16", report.SourceEvent,
			"0 slack opened",
		},
		{
			"until the old one is silent for a quarter of an hour",
			"0 r1 on, 1 r2 off, @14, @15", report.SourceEvent,
			"0 slack opened; 15 slack resolved",
		},
		{
			"a silent revision is not replaced by one that spoke before it",
			"0 r2 off, 1 r1 on, @16, @20", report.SourceEvent,
			"1 slack opened",
		},
		{
			"nor by its own silence alone",
			"0 r1 on, @15, @29", report.SourceEvent,
			"0 slack opened",
		},
		{
			"a roll back to the revision that was in mock mode",
			"0 r1 on, 1 r2 off, @15, 32 r1 on", report.SourceEvent,
			"0 slack opened; 15 slack resolved; 32 slack opened",
		},
		{
			"a roll back away from the revision that is in mock mode",
			"0 r1 off, 1 r2 on, 3 r1 off, @16", report.SourceEvent,
			"1 slack opened; 16 slack resolved",
		},
		{
			"two revisions in mock mode: the one that is replaced leaves the other's evidence",
			"0 r1 on, 1 r2 on, @15, @20, 21 r2 off", report.SourceEvent,
			"0 slack opened; 21 slack resolved",
		},
		{
			"signals without a revision are in one order, as before",
			"0 - on, 2 - off, 1 - on @3", report.SourceLogs,
			"0 slack opened; 2 slack resolved",
		},
		{
			"one without a revision replaces none, and is not replaced",
			"0 - on, 1 r1 off, @16", report.SourceLogs,
			"0 slack opened",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newSim(t)
			w.p.Jobs = nil // of no matter here
			for says := range strings.SplitSeq(tt.says, ", ") {
				words := strings.Fields(says)
				w.now = noon.Add(minutes(t, words[len(words)-1], words[0]))
				if len(words) == 1 {
					w.step(Input{})
					continue
				}
				sig := report.Signal{
					ID: says, Source: tt.source, Database: "a", Service: "backend", Revision: strings.TrimPrefix(words[1], "-"),
					Mode: report.Activated, At: noon.Add(minutes(t, words[0], words[0])),
				}
				if words[2] == "off" {
					sig.Mode = report.Deactivated
				}
				w.step(Input{Signal: &sig})
			}
			w.check(tt.told)
		})
	}
}

// minutes reads "@31", or else the other text's number.
func minutes(t *testing.T, at, otherwise string) time.Duration {
	t.Helper()
	text, ok := strings.CutPrefix(at, "@")
	if !ok {
		text = strings.TrimPrefix(otherwise, "@")
	}
	d, err := time.ParseDuration(text + "m")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRevisionsAreBounded(t *testing.T) {
	w := newSim(t)
	const stuck, maxRevisions = "stuck", 8
	for i := range 3 * maxRevisions {
		mode, revision := report.Deactivated, "r"+strings.Repeat("i", i)
		if i == 1 {
			mode, revision = report.Activated, stuck
		}
		w.step(Input{Signal: &report.Signal{ID: revision, Source: report.SourceEvent, Database: "a", Service: "backend", Revision: revision, Mode: mode, At: w.now}})
		w.now = w.now.Add(time.Second)
	}
	sources := w.s.Series[report.Series{Database: "a", Check: report.MockMode, Subject: "backend"}].Sources
	if len(sources) != maxRevisions {
		t.Errorf("%d revisions are kept, want %d", len(sources), maxRevisions)
	}
	if !slices.ContainsFunc(sources, func(s incident.SourceState) bool { return s.Source == "event@"+stuck && s.Down }) {
		t.Error("the one in mock mode was forgotten before those that are fine")
	}
}

func TestTheOutageShowsKindsOfEvidence(t *testing.T) {
	w := newSim(t)
	w.life(".xx")
	for _, revision := range []string{"r1", "r2"} {
		for _, source := range []string{report.SourceEvent, report.SourceLogs} {
			w.step(Input{Signal: &report.Signal{ID: revision, Source: source, Database: "a", Service: "backend", Revision: revision, Mode: report.Activated, At: w.now}})
		}
	}
	if got := w.newest(report.Ping).Mock; !slices.Equal(got, []string{"backend (event, logs)"}) {
		t.Errorf("the outage shows %v, want each kind once", got)
	}
}
