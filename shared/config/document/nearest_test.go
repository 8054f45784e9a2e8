package document_test

import (
	"testing"

	"github.com/pongwatch/pongwatch/shared/config/document"
)

func TestNearest(t *testing.T) {
	slack := []string{"webhook", "bot_token", "channel", "mention", "approvers"}
	for given, want := range map[string]string{
		"webhok":        "webhook",
		"botToken":      "bot_token",
		"webhook_url":   "webhook", // a word more
		"slack_channel": "channel",
		"token":         "bot_token", // a word less
		"webhooks":      "webhook",
		"url":           "",
		"hook":          "",
	} {
		if got := document.Nearest(given, slack); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", given, got, want)
		}
	}
}
