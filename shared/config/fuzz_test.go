package config

import (
	"encoding/json"
	"os"
	"testing"
)

// Whatever the text, the parser ends, and either gives a configuration that hashes
// and encodes, or says why not.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"minimal.yaml", "complete.yaml"} {
		text, err := os.ReadFile("../../examples/config/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, s := range []string{
		"", "{", "[]", "a: b: c", "\ufeffdatabases:", "databases: [{name: a, mock: yes}]", "? a\n: b", "- - - -", "{\"databases\":[null]}", "<<: *x", "x: !!binary aa",
		"databases: [{name: a, url: 'https://a', token: 'sm://projects/p/secrets/s', app: [null, 1]}]", "alerting: {reminders: {critical: 1h}}", "--- a\n--- b",
		"maintenance: [{name: w, cron: '*/0 * * * *', for: 1h}]", "a: |\n  x\n  ", "databases: .inf", "history: {hot_days: 0x10}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, local := range []bool{false, true} {
			c, ps := Parse(local, Document{Name: "fuzz", Text: text})
			if (c == nil) != (ps.Fatal() != nil) {
				t.Fatalf("configuration %v with problems %v", c != nil, ps)
			}
			_ = ps.Error()
			if c == nil {
				continue
			}
			if len(c.Databases) == 0 {
				t.Fatal("no database and no problem")
			}
			_ = c.Hash()
			if _, err := json.Marshal(c); err != nil {
				t.Fatal(err)
			}
			for _, d := range c.Databases {
				if !validName(d.Name) || d.Shard == "" && d.Problems.Err() == nil {
					t.Fatalf("database %q in shard %q", d.Name, d.Shard)
				}
			}
		}
	})
}

func FuzzSources(f *testing.F) {
	for _, s := range []string{"a.yaml", "a,b\nc", "- a", "[\"a\"]", "sm://projects/p/secrets/s", "databases: []", "{", "#", "---\n- a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if c, err := Load(t.Context(), options(map[string]string{EnvConfig: value}, nil, vault{})); c == nil && err == nil {
			t.Fatalf("%q is neither a document nor a list, and nothing is said", value)
		}
	})
}
