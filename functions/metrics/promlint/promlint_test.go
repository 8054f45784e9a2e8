// Package promlint holds what /metrics answers, as its golden files have it, to
// Prometheus' own linter and parser. It is a module of its own: what it needs is never
// deployed, and would move versions of what is.
package promlint

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

func TestPromlintFindsNothing(t *testing.T) {
	f, err := os.Open("../testdata/metrics.classic.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	problems, err := promlint.New(f).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestPrometheusReadsEverySample(t *testing.T) {
	text, err := os.ReadFile("../testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	p, err := textparse.New(text, "application/openmetrics-text; version=1.0.0", labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for l := range strings.Lines(string(text)) {
		if !strings.HasPrefix(l, "#") {
			want++
		}
	}
	got := 0
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if entry == textparse.EntrySeries {
			got++
		}
	}
	if got != want || got == 0 {
		t.Errorf("%d samples are read, want %d", got, want)
	}
}
