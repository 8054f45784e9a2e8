package inbound_test

import (
	"os"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/message"
)

// People copy these paths into other systems.
func TestDocumentsNameThePaths(t *testing.T) {
	for file, wants := range map[string][]string{
		"../../../docs/receivers.md":            {message.PathSlack, message.PathEvents, message.PathIncident, "mock_mode."},
		"../../../docs/vercel.md":               {message.PathVercel, "x-vercel-signature", "redis"},
		"../../../examples/slack/manifest.yaml": {"run.app" + message.PathSlack, "- chat:write #", "token_rotation_enabled: false"},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s does not mention %s", file, want)
			}
		}
	}
}
