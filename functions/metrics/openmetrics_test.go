package metrics_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
)

// TestOpenMetrics holds the whole answer against a golden file, which the tests in
// promlint hold to Prometheus' own rules, and it to the rules
// that promlint and the specification name: a counter ends in _total, a unit ends the
// name, every family has help, and nothing is repeated.
func TestOpenMetrics(t *testing.T) {
	x := newFixture(t, "")
	x.fill(t, 120)
	w := x.get(t, "/metrics")
	if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || !strings.HasPrefix(got, "application/openmetrics-text; version=1.0.0; charset=utf-8") {
		t.Fatalf("answered %d %q", w.Code, got)
	}
	text := w.Body.String()
	goldentest.Compare(t, "testdata/metrics.txt", text)
	lint(t, text)

	classic := x.ask(t, http.MethodGet, "/metrics", http.Header{"Accept": {"text/plain;version=0.0.4"}})
	if got := classic.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") || strings.Contains(classic.Body.String(), "# EOF") {
		t.Errorf("a scraper of the classic format is answered %q", got)
	}
	goldentest.Compare(t, "testdata/metrics.classic.txt", classic.Body.String())
}

// Open incidents that cannot be read are neither none, nor do they leave a database connected.
func TestIncidentsThatCannotBeReadAreNotNone(t *testing.T) {
	x := newFixture(t, "")
	x.pinged(t, 0)
	if _, err := x.store.Put(t.Context(), store.Doc{Key: incident.StateKey("main"), Data: []byte("damaged")}); err != nil {
		t.Fatal(err)
	}
	if text := x.get(t, "/metrics").Body.String(); strings.Contains(text, "pongwatch_incidents_open") || !strings.Contains(text, "pongwatch_ping_up") {
		t.Errorf("/metrics counts incidents that it has not read:\n%s", text)
	}
	if badge := x.get(t, "/badge.svg?database=cache").Body.String(); !strings.Contains(badge, "cache: no data") {
		t.Errorf("the badge is %s", badge)
	}
}

func lint(t *testing.T, text string) {
	t.Helper()
	name := regexp.MustCompile(`^pongwatch_[a-z_]+$`)
	kind, help, unit, seen := map[string]string{}, map[string]string{}, map[string]string{}, map[string]bool{}
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		word := strings.SplitN(l, " ", 4)
		switch {
		case strings.HasPrefix(l, "# TYPE "):
			if kind[word[2]] != "" {
				t.Errorf("%s is there twice", word[2])
			}
			kind[word[2]] = word[3]
		case strings.HasPrefix(l, "# HELP "):
			help[word[2]] = word[3]
		case strings.HasPrefix(l, "# UNIT "):
			unit[word[2]] = word[3]
		case l == "# EOF":
		default:
			series, _, _ := strings.Cut(l, " ")
			family, _, _ := strings.Cut(series, "{")
			if seen[series] {
				t.Errorf("%s is there twice", series)
			}
			seen[series] = true
			if base, ok := strings.CutSuffix(family, "_total"); ok {
				if kind[base] != "counter" {
					t.Errorf("%s is a %s, want a counter", family, kind[base])
				}
			} else if kind[family] != "gauge" {
				t.Errorf("%s is a %q, want a gauge", family, kind[family])
			}
		}
	}
	for f := range kind {
		if !name.MatchString(f) || help[f] == "" || !strings.HasSuffix(help[f], ".") {
			t.Errorf("%s: want a name of small letters and a sentence of help, not %q", f, help[f])
		}
		for _, u := range []string{"seconds", "bytes", "ratio"} {
			if strings.HasSuffix(f, "_"+u) != (unit[f] == u) {
				t.Errorf("%s has the unit %q", f, unit[f])
			}
		}
	}
	if !strings.HasSuffix(text, "# EOF\n") {
		t.Error("the end is missing")
	}
}
