package main

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/cause/symptom"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// pasted returns the texts of a file by the causes before their tab: "a|b" is one of both, and
// nothing before the tab is a text that points at none.
func pasted(t *testing.T, path string) [][2]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all [][2]string
	for line := range strings.Lines(string(data)) {
		causes, said, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			t.Fatalf("%s: %q has no tab", path, line)
		}
		all = append(all, [2]string{causes, said})
	}
	return all
}

func explained(said string) string {
	var all []string
	for _, f := range symptom.Find(said, judgeText) {
		for _, c := range f.Row.Causes {
			all = append(all, string(c.Cause))
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "|")
}

// TestPastedLines are lines of logs of many clients, runtimes and platforms, each with what it
// points at.
func TestPastedLines(t *testing.T) {
	for _, l := range pasted(t, "testdata/explain/lines.tsv") {
		if got := explained(l[1]); got != l[0] {
			t.Errorf("%q points at %q, want %q", l[1], got, l[0])
		}
	}
}

// TestStopsInManyWords holds explain and the checks to one verdict on Upstash's error texts, those
// that were seen and others that it may print next.
func TestStopsInManyWords(t *testing.T) {
	for _, l := range pasted(t, "testdata/explain/stops.tsv") {
		body, err := json.Marshal(map[string]string{"error": l[1]})
		if err != nil {
			t.Fatal(err)
		}
		if got := upstash.Classify(upstash.Outcome{Status: http.StatusBadRequest, Body: body}); string(got) != l[0] {
			t.Errorf("the checks take %q for %s, want %s", l[1], got, l[0])
		}
		for _, said := range []string{l[1], "[kv] get failed key " + l[1], `{"error":"` + l[1] + `"}`, "redis.exceptions.ResponseError: " + strings.TrimPrefix(l[1], "ERR "), "UpstashError: " + l[1] + `, command was: ["set","k"]`} {
			if got := explained(said); got != l[0] {
				t.Errorf("%q points at %s, want %s", said, got, l[0])
			}
		}
	}
}
