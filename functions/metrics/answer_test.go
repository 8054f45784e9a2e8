package metrics_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// compileSchema returns the published schema, formats asserted.
func compileSchema(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	const address = "https://pongwatch.test/schema.json"
	if err := c.AddResource(address, document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(address)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill writes a past of pings, one a minute for the minutes before eight, and readings,
// and an open and a past incident.
func (x *fixture) fill(t *testing.T, minutes int) {
	t.Helper()
	a := history.New(x.store)
	for minute := range minutes {
		at := eight.Add(time.Duration(minute-minutes+1) * time.Minute)
		*x.now = at
		run := history.Run{Scheduled: at, Started: at.Add(time.Second), Region: region}
		s := report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{DNS: 1, Connect: 10, TLS: 20, Wait: float64(20 + minute%7), Total: 60}}
		if minute%50 == 49 {
			s = report.Sample{At: at, Status: report.Fail, Cause: cause.TCPRefused, Attempts: 3}
		}
		if err := a.AppendPings(t.Context(), "main", run, map[string]report.Sample{"cache": s}); err != nil {
			t.Fatal(err)
		}
		if minute%5 != 0 {
			continue
		}
		r := report.Reading{
			At: at, Replica: "a", Policy: "noeviction",
			Values: map[report.Gauge]float64{report.GaugeHits: float64(9 * minute), report.GaugeMisses: float64(minute), report.GaugeCommands: float64(20 * minute), report.GaugeMemoryHours: 74, report.GaugeCommandsHours: 36, report.GaugeBandwidthHours: 48, report.GaugeBudgetHours: 60},
			Checks: map[report.Check]report.Verdict{
				report.Memory: {Status: report.OK, Value: new(0.25)}, report.Commands: {Status: report.OK, Value: new(0.625)},
				report.Bandwidth: {Status: report.OK, Value: new(0.5)}, report.Budget: {Status: report.OK, Value: new(0.4)},
			},
		}
		if err := a.AppendReadings(t.Context(), "main", run, map[string]report.Reading{"cache": r}); err != nil {
			t.Fatal(err)
		}
	}
	*x.now = eight.Add(10 * time.Second)
	x.incident(t, time.Time{})
	old := incident.Document{Shard: "main", Told: map[string]incident.Told{"slack": {At: eight}, "email": {Refused: "550"}}, Incident: incident.Incident{
		ID: "20261122T190000Z-BBBBBBBBBBBB", Series: report.Series{Database: "cache", Check: report.Memory},
		Severity: cause.SeverityWarning, Status: report.Warn, Cause: cause.MemoryHigh, Since: eight.Add(-time.Hour), Opened: eight.Add(-time.Hour), Resolved: eight.Add(-30 * time.Minute),
	}}
	data, err := incident.EncodeDocument(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.store.Put(t.Context(), store.Doc{Key: incident.DocumentKey("main", old.ID), Data: data}); err != nil {
		t.Fatal(err)
	}
}

// incident makes Alert's state hold one of ping.
func (x *fixture) incident(t *testing.T, resolved time.Time) {
	t.Helper()
	state := incident.New("main", eight)
	state.Incidents = map[string]*incident.Incident{"20261122T195500Z-AAAAAAAAAAAA": {
		ID: "20261122T195500Z-AAAAAAAAAAAA", Series: report.Series{Database: "cache", Check: report.Ping}, Severity: cause.SeverityCritical,
		Status: report.Fail, Cause: cause.TCPRefused, Since: eight.Add(-5 * time.Minute), Opened: eight.Add(-4 * time.Minute), Resolved: resolved,
		Thread: incident.Thread{Deliveries: map[string]incident.Delivery{"slack": {Want: 1, Done: 1, Sent: eight}}},
	}}
	data, err := incident.Encode(state)
	if err != nil {
		t.Fatal(err)
	}
	old, _ := x.store.Get(t.Context(), "state/v1/main")
	if _, err := x.store.Put(t.Context(), store.Doc{Key: "state/v1/main", Data: data, Version: old.Version}); err != nil {
		t.Fatal(err)
	}
}

func TestAnswersFollowThePublishedSchema(t *testing.T) {
	x := newFixture(t, "")
	s := compileSchema(t, x.get(t, "/api/v1/admin/redis-metrics/schema.json").Body.Bytes())
	validate := func(path string) any {
		t.Helper()
		document, err := jsonschema.UnmarshalJSON(x.get(t, path).Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(document); err != nil {
			t.Errorf("GET %s: %v", path, err)
		}
		return document
	}
	validate("/api/v1/admin/redis-metrics") // nothing ran yet
	x.fill(t, 120)
	for _, r := range statistics.Ranges() {
		validate("/api/v1/admin/redis-metrics?range=" + r)
		validate("/api/v1/admin/redis-metrics?database=cache&range=" + r)
	}
	document := validate("/api/v1/admin/redis-metrics").(map[string]any)
	for name, spoil := range map[string]func(map[string]any){
		"a key that is not in the schema": func(m map[string]any) { m["surprise"] = true },
		"a time that is none":             func(m map[string]any) { m["from"] = "yesterday" },
		"a list that is missing":          func(m map[string]any) { delete(m, "databases") },
		"a word that is not in the set":   func(m map[string]any) { m["databases"].([]any)[0].(map[string]any)["status"] = "fine" },
	} {
		data, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		spoilt, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		spoil(spoilt.(map[string]any))
		if s.Validate(spoilt) == nil {
			t.Errorf("the schema takes %s", name)
		}
	}
}

func TestARangeIsAnsweredExactly(t *testing.T) {
	x := newFixture(t, "")
	x.fill(t, 120)
	d := x.statistics(t, "?database=cache&range=6h&step=5m").Databases[0]
	r := d.Regions[0]
	if r.Samples != 120 || r.Failed != 2 || r.P99 == nil || *r.P50 != 23 || *r.Max != 26 || d.Status != statistics.Down {
		t.Errorf("pings %+v of a database that is %s", r.Summary, d.Status)
	}
	n, gaps := 0, 0
	for i, p := range r.Series.P50 {
		if r.Series.Good[i]+r.Series.Failed[i] == 0 {
			gaps++
			if p != nil {
				t.Errorf("point %d is a gap with the value %v", i, *p)
			}
		}
		n += r.Series.Good[i] + r.Series.Failed[i]
	}
	if len(r.Series.P50) != 73 || n != 120 || gaps < 40 {
		t.Errorf("%d points with %d pings and %d gaps, want 73, 120, and four hours of gaps", len(r.Series.P50), n, gaps)
	}
	if d.HitRate == nil || *d.HitRate != 0.9 || *d.MemoryRatio != 0.25 || d.Figures == nil || len(d.Figures.HitRate) != 73 {
		t.Errorf("figures %+v, hit rate %v", d.Figures, d.HitRate)
	}
	if u := d.Uptime; u.Good != 118 || u.Failed != 2 || u.BudgetLeft == nil || *u.BudgetLeft != 0.95403 || !u.From.Equal(eight.Add(-119*time.Minute)) {
		t.Errorf("uptime %+v, want two failures of the 43 that thirty days allow", u)
	}
	s := x.statistics(t, "")
	if len(s.Past) != 1 || s.Past[0].ID != "INC-BBBBBB" || len(s.Past[0].Told) != 2 || len(s.Incidents.Open) != 1 {
		t.Errorf("past %+v, open %+v", s.Past, s.Incidents.Open)
	}
}

func TestWrongQueriesAreAnsweredWithARightOne(t *testing.T) {
	x := newFixture(t, "regions: [us-east4]\n")
	for query, want := range map[string]struct {
		code int
		text string
	}{
		"?range=2h":            {http.StatusBadRequest, "1h, 6h, 24h, 7d, 30d"},
		"?step=soon":           {http.StatusBadRequest, "1m0s"},
		"?range=30d&step=1m":   {http.StatusBadRequest, "1500 points"},
		"?database=none":       {http.StatusNotFound, "none"},
		"?region=europe-west1": {http.StatusNotFound, "europe-west1"},
	} {
		if w := x.get(t, "/api/v1/admin/redis-metrics"+query); w.Code != want.code || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s is answered %d %s, want %d and %q", query, w.Code, w.Body, want.code, want.text)
		}
	}
}

func (x *fixture) ask(t *testing.T, method, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	return w
}

func TestAnswersHaveATagThatChangesWithWhatTheySay(t *testing.T) {
	x := newFixture(t, "")
	x.fill(t, 10)
	const path = "/api/v1/admin/redis-metrics"
	tag := x.get(t, path).Header().Get("ETag")
	same := func() bool {
		return x.ask(t, http.MethodGet, path, http.Header{"If-None-Match": {`"other", ` + tag}}).Code == http.StatusNotModified
	}
	if tag == "" || !same() {
		t.Fatalf("the tag %q is not taken", tag)
	}
	if x.ask(t, http.MethodGet, path+"?range=6h", http.Header{"If-None-Match": {tag}}).Code != http.StatusOK {
		t.Error("another range has the same tag")
	}
	x.incident(t, eight)
	if same() {
		t.Error("the tag stays when an incident is resolved")
	}
	tag = x.get(t, path).Header().Get("ETag")
	*x.now = x.now.Add(2 * time.Minute)
	if same() {
		t.Error("the tag stays while nothing runs, which hides that it is late")
	}
	tag = x.get(t, path).Header().Get("ETag")
	x.run(t, 5)
	if same() {
		t.Error("the tag stays after a run")
	}
}

func TestAnswersAreCompressedForThoseWhoTakeThat(t *testing.T) {
	x := newFixture(t, "")
	x.fill(t, 60)
	w := x.ask(t, http.MethodGet, "/api/v1/admin/redis-metrics", http.Header{"Accept-Encoding": {"br, gzip"}})
	zr, err := gzip.NewReader(w.Body)
	if err != nil || w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("not compressed: %v", err)
	}
	body, err := io.ReadAll(zr)
	if err != nil || !bytes.Equal(body, x.get(t, "/api/v1/admin/redis-metrics").Body.Bytes()) {
		t.Errorf("the compressed answer differs: %v", err)
	}
}

func TestPagesOfAllowedOriginsMayRead(t *testing.T) {
	x := newFixture(t, "access: {cors: [https://admin.example.com]}\n")
	for origin, want := range map[string]string{"https://admin.example.com": "https://admin.example.com", "https://evil.example.com": ""} {
		for _, method := range []string{http.MethodGet, http.MethodOptions} {
			w := x.ask(t, method, "/api/v1/admin/redis-metrics", http.Header{"Origin": {origin}})
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != want || w.Code >= http.StatusBadRequest {
				t.Errorf("%s from %s is answered %d with %q, want %q", method, origin, w.Code, got, want)
			}
		}
	}
}

func TestTheFirstRunAfterMidnightCompactsYesterday(t *testing.T) {
	x := newFixture(t, "")
	x.fill(t, 60)
	a := history.New(x.store)
	x.run(t, 4*60+5)
	if done, err := a.Compacted(t.Context(), "main", eight); done || err != nil {
		t.Errorf("five past midnight is too early: %v %v", done, err)
	}
	x.run(t, 4*60+10)
	if done, err := a.Compacted(t.Context(), "main", eight); !done || err != nil {
		t.Fatalf("ten past midnight the day is not compacted: %v %v", done, err)
	}
	x.run(t, 24*60)
	before := x.statistics(t, "?database=cache&range=30d").Databases[0]
	if s := before.Regions[0].Summary; s.Samples != 60 || s.Failed != 1 || before.Uptime.Failed != 1 {
		t.Errorf("the month is %+v, want the 60 samples of the day", s)
	}
	x.incident(t, eight)
	*x.now = eight.Add(10 * 24 * time.Hour) // its hours are gone
	after := x.statistics(t, "?database=cache&range=30d").Databases[0]
	if s := after.Regions[0].Summary; s.Samples != 60 || *s.P50 != *before.Regions[0].P50 || after.Status != statistics.NoData {
		t.Errorf("ten days later it is %+v and %s, want the same from samples, and no data now", s, after.Status)
	}
	all := x.statistics(t, "?range=30d").Databases[0]
	if s := all.Regions[0].Summary; s.Samples != 60 || s.P50 != nil {
		t.Errorf("the overview is %+v, want counts, and no percentile of percentiles", s)
	}
}
