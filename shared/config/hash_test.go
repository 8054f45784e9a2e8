package config

import (
	"strings"
	"testing"
)

// Where messages go is no matter of who is mentioned, or of a mail's sender.
func TestThePlaceOfAReceiver(t *testing.T) {
	place := func(receiver string) string {
		t.Helper()
		c, ps := Parse(true, Document{Name: "c", Text: []byte(good + "  - {name: r, " + receiver + "}\n")})
		if c == nil || c.Receiver("r") == nil {
			t.Fatal(ps)
		}
		return c.Receiver("r").Place()
	}
	const bot = `slack: {bot_token: "sm://projects/p/secrets/a", channel: C0123456789}`
	for name, tt := range map[string]struct {
		before, after string
		moves         bool
	}{
		"another channel":     {bot, strings.Replace(bot, "C0123456789", "C1111111111", 1), true},
		"another token":       {bot, strings.Replace(bot, "secrets/a", "secrets/b", 1), false},
		"a mention":           {bot, strings.Replace(bot, "channel:", "mention: [here], channel:", 1), false},
		"another webhook":     {`slack: {webhook: "sm://projects/p/secrets/a"}`, `slack: {webhook: "sm://projects/p/secrets/b"}`, true},
		"another service":     {`pagerduty: {routing_key: "sm://projects/p/secrets/a"}`, `pagerduty: {routing_key: "sm://projects/p/secrets/b"}`, true},
		"another address":     {`webhook: {url: "https://a.example.com", keys: ["sm://projects/p/secrets/k"]}`, `webhook: {url: "https://b.example.com", keys: ["sm://projects/p/secrets/k"]}`, true},
		"another key":         {`webhook: {url: "https://a.example.com", keys: ["sm://projects/p/secrets/k"]}`, `webhook: {url: "https://a.example.com", keys: ["sm://projects/p/secrets/l"]}`, false},
		"another mail server": {`email: {host: a.example.com, from: p@example.com, to: [x@example.com]}`, `email: {host: b.example.com, from: p@example.com, to: [x@example.com]}`, false},
	} {
		if before, after := place(tt.before), place(tt.after); (before != after) != tt.moves {
			t.Errorf("%s: %q becomes %q", name, before, after)
		}
	}
}
