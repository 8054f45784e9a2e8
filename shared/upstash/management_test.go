package upstash

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// answeringManagement is a client of an account that answers every request with body().
func answeringManagement(tb testing.TB, body func() []byte) *Management {
	tb.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body()) }))
	tb.Cleanup(srv.Close)
	m, err := NewManagement("ops@example.com", Options{URL: srv.URL, Token: secrets.New("key"), AllowHTTP: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(m.CloseIdleConnections)
	return m
}

func TestTheAccountsDatabase(t *testing.T) {
	tests := []struct {
		name, body string
		want       Database
		active     bool
	}{
		{
			"the free plan, whose quota the API hides behind a sentinel", string(sample(t, "database.json")),
			Database{ID: "96ad0856-03b1-4ee7-9666-e81abd0349e1", Name: "prod-cache", Endpoint: "beloved-stallion-58500", Region: "us-east-1", OnlyRegion: "global", State: "active", Type: "free", MonthlyCommands: 500_000, Budget: 20, MaxData: 256 << 20, Eviction: new(false), TLS: new(true)},
			true,
		},
		{
			"a paid plan has no quota", `{"database_id":"a","type":"payg","state":"suspended","db_request_limit":8024278031528736858}`,
			Database{ID: "a", Type: "payg", State: "suspended"},
			false,
		},
		{"an old kind of one region", `{"database_id":"a","type":"payg","region":"eu-west-1"}`, Database{ID: "a", Type: "payg", Region: "eu-west-1", OnlyRegion: "eu-west-1"}, true},
		{"a sentinel at the boundary", `{"database_id":"a","type":"payg","db_request_limit":1125899906842624}`, Database{ID: "a", Type: "payg"}, true},
		{"a quota below it", `{"database_id":"a","type":"payg","db_request_limit":1125899906842623}`, Database{ID: "a", Type: "payg", MonthlyCommands: 1<<50 - 1}, true},
		{"a negative sentinel", `{"database_id":"a","type":"pro","db_request_limit":-1}`, Database{ID: "a", Type: "pro"}, true},
		{"a quota that the API does say", `{"database_id":"a","type":"free","db_request_limit":10000}`, Database{ID: "a", Type: "free", MonthlyCommands: 10000}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := answeringManagement(t, func() []byte { return []byte(tt.body) }).Database(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got.Active() != tt.active {
				t.Errorf("Active() = %v in state %q", got.Active(), got.State)
			}
		})
	}
	for _, body := range []string{"", "null", "[]", `"database not found"`, `{"state":"active"}`} {
		_, err := answeringManagement(t, func() []byte { return []byte(body) }).Database(t.Context(), "a")
		if CauseOf(err) != cause.MonitorManagement {
			t.Errorf("Database() of the answer %q: %v, want monitor_management", body, err)
		}
	}
}

func TestTheAccountsMonth(t *testing.T) {
	got, err := answeringManagement(t, func() []byte { return sample(t, "stats.json") }).Stats(t.Context(), "a")
	if err != nil || got.Commands != 421337 {
		t.Errorf("Stats() = %+v, %v; want 421337 commands", got, err)
	}
	if got.Bandwidth == nil || *got.Bandwidth != 123456789 || got.Dollars != nil || len(got.ByType) != 1 || got.ByType[0].Name != "get" || got.ByType[0].Points != nil {
		t.Errorf("Stats() = %+v, want the traffic, no cost and no counts of get", got)
	}
	// A figure of another type leaves the others.
	got, err = answeringManagement(t, func() []byte {
		return []byte(`{"total_monthly_requests":7,"total_monthly_bandwidth":"much","total_monthly_billing":1.25,"command_counts":[{"metric_identifier":"set","data_points":[{"x":"","y":2},{"x":"","y":null}]}]}`)
	}).Stats(t.Context(), "a")
	if err != nil || got.Commands != 7 || got.Bandwidth != nil || got.Dollars == nil || *got.Dollars != 1.25 || len(got.ByType) != 1 || len(got.ByType[0].Points) != 2 || got.ByType[0].Points[0].Count != 2 {
		t.Errorf("Stats() = %+v, %v; want all but the traffic", got, err)
	}
	got, err = answeringManagement(t, func() []byte { return []byte(`{"total_monthly_requests":1.2e+06}`) }).Stats(t.Context(), "a")
	if err != nil || got.Commands != 1_200_000 {
		t.Errorf("Stats() = %+v, %v; want 1.2 million commands", got, err)
	}
	// An answer without the commands would look like a month in which none is used.
	for _, body := range []string{"", "[]", "{}", `{"total_monthly_requests":null}`, `{"total_monthly_requests":"many"}`} {
		if _, err := answeringManagement(t, func() []byte { return []byte(body) }).Stats(t.Context(), "a"); CauseOf(err) != cause.MonitorManagement {
			t.Errorf("Stats() of the answer %q: %v, want monitor_management", body, err)
		}
	}
}

func TestTheAccountNeedsAnEmailAndAKey(t *testing.T) {
	for name, tt := range map[string]struct {
		email, key, url string
		want            cause.Cause
	}{
		"complete":       {"ops@example.com", "key", "", ""},
		"no email":       {"", "key", "", cause.ConfigMissing},
		"no key":         {"ops@example.com", "", "", cause.ConfigMissing},
		"a wrong URL":    {"ops@example.com", "key", "api.upstash.com", cause.ConfigScheme},
		"a key in two":   {"ops@example.com", "a b", "", cause.ConfigWhitespace},
		"http to a host": {"ops@example.com", "key", "http://api.upstash.com/v2", cause.ConfigScheme},
	} {
		var key secrets.Value
		if tt.key != "" {
			key = secrets.New(tt.key)
		}
		if _, err := NewManagement(tt.email, Options{URL: tt.url, Token: key}); CauseOf(err) != tt.want {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// FuzzManagement reads whatever an account may answer.
func FuzzManagement(f *testing.F) {
	f.Add(sample(f, "database.json"))
	f.Add(sample(f, "stats.json"))
	f.Add([]byte(`{"database_id":"a","db_request_limit":-1}`))
	f.Add(sample(f, "auditlogs.json"))
	var body []byte
	m := &Management{client: &Client{timeout: defaultTimeout, kept: transportFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	}), base: &url.URL{Scheme: "https", Host: "api.upstash.com", Path: "/v2"}}}
	f.Fuzz(func(t *testing.T, b []byte) {
		body = b
		if d, err := m.Database(t.Context(), "a"); err == nil && (d.ID == "" || d.MonthlyCommands < 0 || d.MonthlyCommands >= sentinel) {
			t.Errorf("database %+v", d)
		}
		actions, err := m.Actions(t.Context(), time.Time{})
		if err != nil && CauseOf(err) != cause.MonitorManagement {
			t.Errorf("error %v", err)
		}
		for _, a := range actions {
			if a.Name == "" || len(a.Name) > maxName || strings.ContainsAny(a.Name, "\n\x1b") {
				t.Errorf("action %q", a.Name)
			}
		}
		if _, err := m.Stats(t.Context(), "a"); err != nil && CauseOf(err) != cause.MonitorManagement {
			t.Errorf("error %v", err)
		}
	})
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNamesOfTheManagementAPIAreShortLines(t *testing.T) {
	const bad = `"\u001b[31ma\u202eb=?utf-8?q?x?=`
	m := answeringManagement(t, func() []byte {
		return []byte(`{"database_id":"a","state":` + bad + `","type":` + bad + strings.Repeat("y", 1000) + `","primary_region":` + bad + `","read_regions":[` + bad + `"],"command_counts":[{"metric_identifier":` + bad + `"}],"total_monthly_requests":1}`)
	})
	d, err := m.Database(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	stats, err := m.Stats(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%+v %+v", d, stats)
	if strings.ContainsAny(shown, "\x1b\u202e") || strings.Contains(shown, "=?") || len(shown) > 2000 {
		t.Errorf("read %q", shown)
	}
}
