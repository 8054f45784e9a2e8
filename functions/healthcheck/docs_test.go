package healthcheck_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
)

func TestTheDocumentationNamesEveryStatusAndField(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("run.go")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"probe"}
	for _, field := range regexp.MustCompile(`(?:slog\.\w+|phase)\("(\w+)", `).FindAllStringSubmatch(string(source), -1) {
		words = append(words, field[1])
	}
	if len(words) < 14 {
		t.Errorf("run.go has the fields %v, want those of the probe line", words)
	}
	for _, s := range healthcheck.Statuses() {
		words = append(words, string(s))
	}
	for _, word := range words {
		if !strings.Contains(string(page), "`"+word+"`") {
			t.Errorf("docs/api.md does not name `%s`", word)
		}
	}
}
