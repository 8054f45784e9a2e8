package preflight_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// managed runs the items of Upstash's checklist against an emulated account.
func managed(t *testing.T, s *upstashtest.Server, management string) map[string]preflight.Result {
	t.Helper()
	cfg, problems := config.Parse(true, config.Document{Name: "test", Text: fmt.Appendf(nil,
		"databases: [{name: cache, url: %q, token: %q, database_id: %s, region: us-east-1}]\n%s", s.URL(), s.Token(), s.DatabaseID(), management)})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	record, err := preflight.Run(t.Context(), preflight.Options{Config: cfg, Upstash: upstash.Options{AllowHTTP: true}, Only: []string{"upstash.*"}, Skip: []string{"upstash.alerts"}})
	if err != nil {
		t.Fatal(err)
	}
	if record.Commands != 0 {
		t.Errorf("%d commands were used, want none of the database", record.Commands)
	}
	results := map[string]preflight.Result{}
	for _, r := range record.Results {
		results[r.ID] = r
		if strings.Contains(r.Reason+r.Evidence, canaryToken) {
			t.Errorf("the key is shown: %+v", r.Finding)
		}
		if r.Status != preflight.Pass && r.Status != preflight.Skipped && len(r.Fix) == 0 {
			t.Errorf("%s does not say what to do: %+v", r.ID, r.Finding)
		}
	}
	return results
}

// Upstash's own checklist is answered by the management API, and what that does not tell is
// left to a person.
func TestUpstashsChecklist(t *testing.T) {
	t.Parallel()
	const pass, warn, manual, skipped, fail = preflight.Pass, preflight.Warn, preflight.Manual, preflight.Skipped, preflight.Fail
	order := []string{"account", "tls", "allowlist", "acl", "backups", "eviction", "budget", "regions", "prod-pack", "rotation"}
	for name, c := range map[string]struct {
		settings map[string]any
		key      string // empty without an account
		want     []preflight.Status
	}{
		"everything is as it should be": {
			map[string]any{
				"type": "payg", "budget": 50, "securityAddons": map[string]bool{"ipWhitelisting": true}, "db_acl_enabled": "true",
				"daily_backup_enabled": true, "prod_pack_enabled": true, "read_regions": []string{"us-west-1"},
			},
			canaryToken,
			[]preflight.Status{pass, pass, pass, pass, pass, pass, pass, pass, pass, manual},
		},
		"nothing is": {
			map[string]any{"type": "payg", "budget": 0, "tls": false, "eviction": true, "primary_region": "eu-west-1"},
			canaryToken,
			[]preflight.Status{pass, warn, warn, warn, warn, warn, warn, warn, manual, manual},
		},
		"a list of addresses, and switches in another form": {
			map[string]any{"type": "payg", "allowed_ips": []string{"192.0.2.1"}, "securityAddons": nil, "db_acl_enabled": true, "daily_backup_enabled": "yes", "tls": 1},
			canaryToken,
			[]preflight.Status{pass, manual, pass, pass, manual, pass, pass, pass, manual, manual},
		},
		"a fixed plan": {
			map[string]any{"type": "paid", "budget": nil},
			canaryToken,
			[]preflight.Status{pass, pass, warn, warn, warn, pass, pass, pass, manual, manual},
		},
		"the free plan has no such settings": {
			nil, canaryToken,
			[]preflight.Status{pass, pass, skipped, skipped, skipped, pass, pass, pass, manual, manual},
		},
		"the API leaves them out": {
			map[string]any{
				"type": "payg", "budget": nil, "tls": nil, "securityAddons": nil, "db_acl_enabled": nil, "daily_backup_enabled": nil, "eviction": nil,
				"primary_region": nil, "prod_pack_enabled": nil,
			},
			canaryToken,
			[]preflight.Status{pass, manual, manual, manual, manual, manual, manual, manual, manual, manual},
		},
		"no account is configured": {
			nil, "", []preflight.Status{manual, manual, manual, manual, manual, manual, manual, manual, manual, manual},
		},
		"the key is refused": {
			nil, "refused", []preflight.Status{fail, skipped, skipped, skipped, skipped, skipped, skipped, skipped, skipped, manual},
		},
		"the API does not answer": {
			map[string]any{"refuse": true}, canaryToken, []preflight.Status{warn, manual, manual, manual, manual, manual, manual, manual, manual, manual},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := upstashtest.Start(t, upstashtest.Options{APIKey: canaryToken})
			if c.settings["refuse"] != nil {
				if err := s.Break(upstashtest.Fault{Mode: upstashtest.Refuse}); err != nil {
					t.Fatal(err)
				}
			}
			for field, value := range c.settings {
				s.SetSetting(field, value)
			}
			management := ""
			if c.key != "" {
				management = fmt.Sprintf("management: {url: %q, email: %q, api_key: %q}\n", s.ManagementURL(), s.Email(), c.key)
			}
			results := managed(t, s, management)
			for i, id := range order {
				if got := results["upstash."+id]; got.Status != c.want[i] {
					t.Errorf("upstash.%s: %+v, want %s", id, got.Finding, c.want[i])
				}
			}
		})
	}
}
