package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// noise is text of n bytes that does not compress well.
func noise(seed string, n int) string {
	var b strings.Builder
	for b.Len() < n {
		sum := sha256.Sum256([]byte(seed + fmt.Sprint(b.Len())))
		b.WriteString(hex.EncodeToString(sum[:]))
	}
	return b.String()[:n]
}

const fullApps = 30

// app returns the name of an app; they fell back in the order of their numbers.
func app(i int) string { return fmt.Sprintf("app-%02d", i) }

// full puts a state into the store that fills its document to size bytes with apps in mock mode,
// which everyone was told of.
func (w *world) full(size int) {
	w.t.Helper()
	s := incident.New("main", noon)
	s.Jobs["healthcheck@us"] = incident.JobState{Scheduled: noon, Every: time.Minute}
	for i := range fullApps {
		key := report.Series{Database: "a", Check: report.MockMode, Subject: app(i)}
		inc := &incident.Incident{
			ID: incident.NewID("main", app(i), noon.Add(time.Duration(i-fullApps)*time.Second)), Series: key, Severity: cause.SeverityCritical, Status: report.Fail,
			Cause: cause.Mock, Since: noon, Opened: noon, RedisAnswers: true, Down: []string{report.SourceEvent}, Voters: []string{report.SourceEvent},
			Thread: incident.Thread{Rev: 1, Edited: noon, Marks: incident.Marks{incident.Opened: 1}, Deliveries: map[string]incident.Delivery{
				"slack": {Want: 1, Done: 1, Open: true}, incident.Documents: {Want: 1, Done: 1},
			}},
		}
		s.Incidents[inc.ID] = inc
		s.Series[key] = &incident.SeriesState{Incident: inc.ID, LastBad: noon, Sources: []incident.SourceState{{
			Source: report.SourceEvent, Scheduled: noon, Every: time.Minute, Status: report.Fail, Cause: cause.Mock, Down: true, Bad: 1,
		}}}
	}
	encoded := func() []byte {
		data, err := incident.Encode(s)
		if err != nil {
			w.t.Fatal(err)
		}
		return data
	}
	// Each app holds as much text, and the last one a little more or less.
	each := func(i, n int) {
		for _, inc := range s.Incidents {
			if inc.Series.Subject == app(i) {
				inc.Observation.Evidence = noise(app(i), max(0, n))
			}
		}
	}
	n := 177 * size / 100 / fullApps // hexadecimal digits take a little more than half a byte
	for i := range fullApps {
		each(i, n)
	}
	for got := len(encoded()); got > size || got < size-20; got = len(encoded()) {
		n += 3 * (size - 10 - got) / 2
		each(fullApps-1, n)
	}
	if _, err := w.memory.Put(w.t.Context(), store.Doc{Key: incident.StateKey("main"), Data: encoded(), Schema: incident.Schema}); err != nil {
		w.t.Fatal(err)
	}
}

// everyApp lets the configuration name every app, and reminds no one.
func everyApp(w *world) {
	p := w.f.policy("main")
	db := p.Databases["a"]
	for i := range fullApps {
		db.Services = append(db.Services, app(i))
	}
	db.Services = append(db.Services, "newest")
	p.Databases["a"] = db
	p.Routes[0].Reminders, p.GroupAt = &policy.Reminders{}, 0
	w.f.policies["main"] = p
}

func (w *world) documentSize() int {
	doc, err := w.memory.Get(w.t.Context(), incident.StateKey("main"))
	if err != nil {
		w.t.Fatal(err)
	}
	return len(doc.Data)
}

// A state that does not fit its document loses the newest apps in mock mode and nothing else,
// says so, and goes on alerting. Time stands still while a state is cut, however busy the machine is.
func TestAStateThatDoesNotFitItsDocumentIsCut(t *testing.T) { synctest.Test(t, cutState) }

func cutState(t *testing.T) {
	var told []string
	w := newWorld(t, nil)
	w.slack.during = func(m message.Message) {
		if m.Loud {
			told = append(told, m.FirstLine())
		}
	}
	everyApp(w)
	w.full(stateMost)
	w.clock.Add(time.Minute)
	for range 2 { // the app repeats itself, and Redis answers
		w.minute("")
		m, err := report.Encode(report.Signal{ID: "s", Source: report.SourceEvent, Service: "newest", Database: "a", Mode: report.Activated, Message: noise("new", 300), At: w.clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if code := w.push(m); code >= 300 {
			t.Fatalf("the signal was answered with %d", code)
		}
	}
	s := w.state()
	for i := range fullApps {
		_, kept := s.Series[report.Series{Database: "a", Check: report.MockMode, Subject: app(i)}]
		if i < fullApps-5 && !kept || i == fullApps-1 && kept {
			t.Errorf("%s is kept: %t", app(i), kept)
		}
	}
	if size := w.documentSize(); size > stateMost {
		t.Errorf("the state has %d bytes, at most %d", size, stateMost)
	}
	state := s.Series[incident.MonitorSeries(subjectState)]
	if state == nil || s.Incidents[state.Incident] == nil || !strings.Contains(s.Incidents[state.Incident].Observation.Evidence, "a/mock_mode/"+app(fullApps-1)) {
		t.Errorf("no incident names what is lost: %+v", state)
	}
	if got := strings.Count(w.logs.String(), `"event":"cut"`); got == 0 {
		t.Error("nothing is logged")
	}
	// The rest of the shard is watched as before.
	for _, c := range []cause.Cause{cause.AuthInvalid, ""} {
		w.minute(c)
	}
	want := []string{
		"🔴 CRITICAL pongwatch itself has a problem: pongwatch lost part of its stored state, since 12:01 UTC",
		"🔴 CRITICAL a is down: Redis refuses the token, since 12:03 UTC",
		"✅ RESOLVED a is up again after 1 min (12:03:00–12:04:00 UTC)",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
