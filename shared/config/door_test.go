package config_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/internal/texttest"
	"github.com/pongwatch/pongwatch/shared/config"
)

// Free text of the document is shown in messages, and the names of services are compared with those
// that a door has cleaned: both come through one, too.
func TestNoFreeTextIsLeftAsItCame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		said := "x" + texttest.Hostile(t, "said")
		document, err := json.Marshal(map[string]any{
			"version":     1,
			"databases":   []any{map[string]any{"name": "cache", "url": "https://x.upstash.io", "token": "AX9sASQgcanarycanarycanarycanary="}},
			"services":    map[string]string{said: "cache"},
			"maintenance": []any{map[string]any{"name": "upgrade", "from": "2026-12-24T22:00", "until": "2026-12-25T06:00", "reason": said}},
		})
		if err != nil {
			t.Fatal(err)
		}
		c, problems := config.Parse(true, config.Document{Name: "test", Text: document})
		if c == nil {
			return // one that is too large, or no text
		}
		if len(problems) > 0 || len(c.Services) != 1 || len(c.Maintenance) != 1 {
			t.Fatalf("%v: %v %v", problems, c.Services, c.Maintenance)
		}
		texts := []string{c.Maintenance[0].Reason}
		for service := range c.Services {
			texts = append(texts, service)
		}
		for _, text := range texts {
			if why := texttest.Unfit(text, 4<<10); why != "" {
				t.Errorf("%s: %.200q", why, text)
			}
		}
	})
}
