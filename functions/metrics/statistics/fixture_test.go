package statistics

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

const (
	east = "us-east4"
	west = "europe-west1"
)

// noon is when the tests' pages are read, if they do not say.
var noon = time.Date(2026, 11, 22, 12, 0, 30, 0, time.UTC)

// two is a configuration of two databases in two shards, from two regions.
const two = `
regions: [us-east4, europe-west1]
databases:
- {name: cache, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a", home: europe-west1, environment: staging}
- {name: queue, url: "https://b.upstash.io", token: "sm://projects/p/secrets/b", shard: other, plan: payg}
`

// fixture is a Reader over a past that a test writes.
type fixture struct {
	*Reader
	t     *testing.T
	now   time.Time
	store *storetest.Faulty
	log   bytes.Buffer
}

func newFixture(t *testing.T, document string) *fixture {
	t.Helper()
	c, problems := config.Parse(false, config.Document{Name: "test.yaml", Text: []byte(document)})
	if c == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	f := &fixture{t: t, now: noon}
	now := func() time.Time { return f.now }
	// Nothing expires: what is too old is left out by the reader.
	f.store = storetest.NewFaulty(storetest.NewMemory(func() time.Time { return noon.AddDate(0, 0, -60) }))
	f.Reader = NewReader(Options{
		Config: c, Store: f.store, Archive: history.New(f.store).Keep(c.History.HotDays), Region: "here", Version: "v1.2.3",
		Now: now, Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	})
	return f
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// ping writes one run, a second late, whose samples are of its time.
func (f *fixture) ping(shard, region string, at time.Time, samples map[string]report.Sample) {
	f.t.Helper()
	for name, s := range samples {
		s.At = at
		samples[name] = s
	}
	f.must(f.archive.AppendPings(f.t.Context(), shard, history.Run{Scheduled: at, Started: at.Add(time.Second), Region: region}, samples))
}

// reading writes one run of Metrics, two seconds late.
func (f *fixture) reading(shard string, at time.Time, readings map[string]report.Reading) {
	f.t.Helper()
	for name, r := range readings {
		r.At = at
		readings[name] = r
	}
	f.must(f.archive.AppendReadings(f.t.Context(), shard, history.Run{Scheduled: at, Started: at.Add(2 * time.Second), Region: east}, readings))
}

func (f *fixture) compact(shard string, at time.Time) {
	f.t.Helper()
	f.must(f.archive.Compact(f.t.Context(), history.Compaction{Shard: shard, Regions: []string{east, west}, SampleDays: 30, RollupDays: 400}, at))
}

// state makes Alert's state of the shard hold these incidents alone.
func (f *fixture) state(shard string, list ...incident.Incident) {
	f.t.Helper()
	s := incident.New(shard, f.now)
	s.Incidents = map[string]*incident.Incident{}
	for i := range list {
		s.Incidents[list[i].ID] = &list[i]
	}
	data, err := incident.Encode(s)
	f.must(err)
	f.put(incident.StateKey(shard), data)
}

func (f *fixture) put(key string, data []byte) {
	f.t.Helper()
	old, _ := f.store.Get(f.t.Context(), key)
	_, err := f.store.Put(f.t.Context(), store.Doc{Key: key, Data: data, Version: old.Version})
	f.must(err)
}

// document writes what is kept of an incident.
func (f *fixture) document(d incident.Document) {
	f.t.Helper()
	data, err := incident.EncodeDocument(d)
	f.must(err)
	f.put(incident.DocumentKey(d.Shard, d.ID), data)
}

// resolved is a document of the shard main.
func resolved(name string, c report.Check, why cause.Cause, opened, ended time.Time) incident.Document {
	return incident.Document{Shard: "main", Incident: incident.Incident{
		ID:     opened.UTC().Format("20060102T150405Z") + "-" + name,
		Series: report.Series{Database: "cache", Check: c, Subject: map[bool]string{true: "backend"}[c == report.MockMode]},
		Cause:  why, Severity: cause.SeverityWarning, Status: report.Warn, Since: opened, Opened: opened, Resolved: ended,
	}}
}

func (f *fixture) read(q Query) *Statistics {
	f.t.Helper()
	s, err := f.Read(f.t.Context(), q)
	f.must(err)
	return s
}

// good is an answered ping.
func good(wait float64) report.Sample {
	return report.Sample{Status: report.OK, Attempts: 1, Phases: report.Phases{DNS: 1, Connect: 2, TLS: 3, Wait: wait, Total: wait + 6}}
}

var failed = report.Sample{Status: report.Fail, Cause: cause.TCPRefused, Attempts: 3}

// values spells a series: "–" is a gap.
func values(list []*float64) []any {
	var out []any
	for _, v := range list {
		if v == nil {
			out = append(out, "–")
		} else {
			out = append(out, *v)
		}
	}
	return out
}
