package promlint

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql/parser"
)

// exposed returns the labels of each metric that /metrics answers.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	p, err := textparse.New(text, "application/openmetrics-text; version=1.0.0", labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var l labels.Labels
		p.Labels(&l)
		name := l.Get(model.MetricNameLabel)
		out[name] = nil
		l.Range(func(one labels.Label) { out[name] = append(out[name], one.Name) })
	}
}

// asksForWhatIsThere fails the test where a query names a metric or a label that /metrics has not.
func asksForWhatIsThere(t *testing.T, where, query string, metrics map[string][]string) {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok || s.Name == "up" { // Prometheus' own
			return nil
		}
		has, known := metrics[s.Name]
		if !known {
			t.Errorf("%s: /metrics has no %s", where, s.Name)
		}
		for _, m := range s.LabelMatchers {
			if known && !slices.Contains(has, m.Name) {
				t.Errorf("%s: %s has no label %s", where, s.Name, m.Name)
			}
		}
		return nil
	})
}

func TestTheRulesAreRulesOfPrometheus(t *testing.T) {
	text, err := os.ReadFile("../../../docs/prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	groups, problems := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, p := range problems {
		t.Error(p)
	}
	if t.Failed() {
		return
	}
	metrics := exposed(t)
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			asksForWhatIsThere(t, r.Alert, r.Expr, metrics)
			if r.Annotations["summary"] == "" || r.Labels["severity"] == "" {
				t.Errorf("%s: no summary or no severity", r.Alert)
			}
		}
	}
}

func TestTheDashboardOfGrafanaAsksForWhatIsThere(t *testing.T) {
	text, err := os.ReadFile("../../../docs/grafana/pongwatch.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	metrics, asked := exposed(t), 0
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s: its id is another's, or it is wider than the page", p.Title)
		}
		ids[p.ID] = true
		if (len(p.Targets) == 0) != (p.Type == "row") {
			t.Errorf("%s asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			asked++
			asksForWhatIsThere(t, p.Title, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"), metrics)
		}
	}
	if asked < 10 {
		t.Errorf("%d queries, want a dashboard", asked)
	}
}
