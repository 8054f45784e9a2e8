package healthcheck_test

import (
	"os"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
)

func TestTheDocumentationNamesEveryStatusAndField(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{
		healthcheck.EventProbe, healthcheck.FieldEvent, healthcheck.FieldDatabase, healthcheck.FieldShard, healthcheck.FieldRegion,
		healthcheck.FieldStatus, healthcheck.FieldCause, healthcheck.FieldLatency, healthcheck.FieldDNS, healthcheck.FieldConnect,
		healthcheck.FieldTLS, healthcheck.FieldTotal, healthcheck.FieldAttempts, healthcheck.FieldScheduled, healthcheck.FieldLag,
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
