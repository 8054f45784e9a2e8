package metrics_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestPicturesAreWellFormedAndSaySo(t *testing.T) {
	x := newFixture(t, "")
	for _, path := range []string{"/chart.svg", "/badge.svg"} {
		wellFormed(t, x.get(t, path).Body.String()) // before anything ran
	}
	x.fill(t, 60)
	chart := x.get(t, "/chart.svg?range=1h")
	wellFormed(t, chart.Body.String())
	for _, want := range []string{`class="median"`, `class="tail"`, `class="failed"`, "prefers-color-scheme"} {
		if !strings.Contains(chart.Body.String(), want) {
			t.Errorf("the chart has no %s", want)
		}
	}
	if got := chart.Header().Get("Content-Type"); got != "image/svg+xml; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	if body := x.get(t, "/badge.svg").Body.String(); !strings.Contains(body, ">down<") {
		t.Errorf("the badge does not say down: %s", body)
	}
	x.incident(t, eight)
	if body := x.get(t, "/badge.svg?database=cache").Body.String(); !strings.Contains(body, ">connected<") || !strings.Contains(body, ">cache<") {
		t.Errorf("the badge does not say that cache is connected: %s", body)
	}
	if w := x.get(t, "/chart.svg?database=none"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown database is answered %d", w.Code)
	}
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, text)
		}
	}
}
