package upstash

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
)

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestParseDatabase(t *testing.T) {
	tests := []struct {
		name, body string
		want       Database
	}{
		{
			"the free plan, whose quota the API hides behind a sentinel", string(sample(t, "database.json")),
			Database{
				ID: "96ad0856-03b1-4ee7-9666-e81abd0349e1", Name: "prod-cache", State: "active", Type: "free", PrimaryRegion: "us-east-1",
				ReadRegions: []string{}, Endpoint: "beloved-stallion-58500.upstash.io", MaxDataSize: 268435456, MaxCommandsPerSecond: 10000, MonthlyCommands: 500_000,
			},
		},
		{
			"a paid plan has no quota", `{"database_id":"a","type":"payg","state":"suspended","endpoint":"x.upstash.io","db_request_limit":8024278031528736858}`,
			Database{ID: "a", Type: "payg", State: "suspended", Endpoint: "x.upstash.io"},
		},
		{"a quota that the API does tell", `{"database_id":"a","type":"free","db_request_limit":10000}`, Database{ID: "a", Type: "free", MonthlyCommands: 10000}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseDatabase([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got.Active() != (tt.want.State != "suspended") {
				t.Errorf("Active() = %v in state %q", got.Active(), got.State)
			}
		})
	}
	for _, body := range []string{"", "null", "[]", `"database not found"`, `{"state":"active"}`} {
		if _, err := parseDatabase([]byte(body)); CauseOf(err) != cause.MonitorManagement {
			t.Errorf("parseDatabase(%q): %v", body, err)
		}
	}
}

func TestParseStats(t *testing.T) {
	got, err := parseStats(sample(t, "stats.json"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(sec, nsec int) time.Time { return time.Date(2025, 8, 31, 15, 12, sec, nsec, time.UTC) }
	want := Stats{
		MonthlyCommands: 421337, MonthlyReads: 300000, MonthlyWrites: 121337, MonthlyBandwidth: 123456789,
		DailyCommands: 14044, DailyBandwidth: 4115226, Storage: 241592832,
		Keyspace: Series{{at(52, 799480932), 15}, {at(53, 0), 16}}, Hits: Series{{at(52, 799480932), 0.75}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSeriesIsDefensive(t *testing.T) {
	tests := []struct{ name, body string }{
		{"null", `{"hits":null}`},
		{"absent", `{}`},
		{"not an array", `{"hits":"soon"}`},
		{"a null value", `{"hits":[{"x":"2025-08-31 15:12:52 +0000 UTC","y":null}]}`},
		{"a time in another form", `{"hits":[{"x":"2025-08-31T15:12:52Z","y":1}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseStats([]byte(tt.body))
			if err != nil || len(got.Hits) != 0 {
				t.Errorf("hits %v, %v: want none", got.Hits, err)
			}
		})
	}
}

func FuzzManagement(f *testing.F) {
	f.Add(sample(f, "database.json"))
	f.Add(sample(f, "stats.json"))
	f.Add([]byte(`{"hits":[{"x":"2025-08-31 15:12:52 +0000 UTC m=+0.1","y":1}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if d, err := parseDatabase(body); err == nil && (d.ID == "" || d.MonthlyCommands < 0 || d.MaxDataSize < 0) {
			t.Errorf("database %+v", d)
		}
		if _, err := parseStats(body); err != nil && CauseOf(err) != cause.MonitorManagement {
			t.Errorf("error %v", err)
		}
	})
}
