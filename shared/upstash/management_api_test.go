package upstash_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

func newManagement(t *testing.T, s *upstashtest.Server, key string) *upstash.Management {
	t.Helper()
	m, err := upstash.NewManagement(upstash.ManagementOptions{
		Email: s.Email(), APIKey: secrets.New(key), BaseURL: s.ManagementURL(),
		Connection: upstash.Options{AllowHTTP: true, RootCAs: s.CA(), Timeout: time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.CloseIdleConnections)
	return m
}

func TestManagement(t *testing.T) {
	s := upstashtest.Start(t, upstashtest.Options{APIKey: canary})
	s.SetMonthlyCommands(421_337)
	s.SetState("suspended")
	m := newManagement(t, s, canary)
	d, err := m.Database(t.Context(), s.DatabaseID())
	if err != nil {
		t.Fatal(err)
	}
	if d.State != "suspended" || d.Active() || d.MonthlyCommands != 500_000 {
		t.Errorf("database %+v", d)
	}
	if n, err := m.Stats(t.Context(), s.DatabaseID()); err != nil || n.Commands != 421_337 {
		t.Errorf("Stats() = %+v, %v; want 421,337 commands", n, err)
	}
}

// Each setting is told as the API writes it, and nothing is told of what it leaves out or
// writes in another form.
func TestManagementSettings(t *testing.T) {
	read := func(t *testing.T, fields map[string]any) upstash.Settings {
		t.Helper()
		s := upstashtest.Start(t, upstashtest.Options{APIKey: canary})
		m := newManagement(t, s, canary)
		for field, value := range fields {
			s.SetSetting(field, value)
		}
		got, err := m.Settings(t.Context(), s.DatabaseID())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	yes, no, twenty := true, false, 20.0
	for name, c := range map[string]struct {
		fields map[string]any
		want   upstash.Settings
	}{
		"as the API answers": {
			map[string]any{"read_regions": []string{"us-west-1"}, "db_acl_enabled": "true", "securityAddons": map[string]bool{"ipWhitelisting": true}},
			upstash.Settings{
				Type: "free", Budget: &twenty, TLS: &yes, Eviction: &no, AutoUpgrade: &no, DailyBackup: &no, ACL: &yes, ProdPack: &no, IPAllowlist: &yes,
				PrimaryRegion: "us-east-1", ReadRegions: []string{"us-west-1"},
			},
		},
		"left out, and in another form": {
			map[string]any{
				"read_regions": nil, "db_acl_enabled": 7, "securityAddons": "none", "budget": "20", "tls": nil, "eviction": []int{1}, "auto_upgrade": nil,
				"daily_backup_enabled": nil, "prod_pack_enabled": nil, "type": 4, "primary_region": nil,
			},
			upstash.Settings{},
		},
		"a list of addresses": {
			map[string]any{"allowed_ips": []string{"192.0.2.1"}, "securityAddons": map[string]bool{"ipWhitelisting": false}},
			upstash.Settings{Type: "free", Budget: &twenty, TLS: &yes, Eviction: &no, AutoUpgrade: &no, DailyBackup: &no, ACL: &no, ProdPack: &no, IPAllowlist: &yes, PrimaryRegion: "us-east-1", ReadRegions: []string{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, read(t, c.fields)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestManagementFailures(t *testing.T) {
	tests := []struct {
		name, key, id string
		fault         upstashtest.Mode
		want          cause.Cause
	}{
		{"a key that is refused", "wrong", "emulated", upstashtest.None, cause.MonitorManagement},
		{"a database that Upstash does not know", canary, "gone", upstashtest.None, cause.StatsState},
		{"an id that would change the path", canary, "../databases", upstashtest.None, cause.ConfigInvalid},
		{"no id", canary, "", upstashtest.None, cause.ConfigInvalid},
		{"nobody listens", canary, "emulated", upstashtest.Refuse, cause.MonitorManagement},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := upstashtest.Start(t, upstashtest.Options{APIKey: canary})
			if err := s.Break(upstashtest.Fault{Mode: tt.fault}); err != nil {
				t.Fatal(err)
			}
			_, err := newManagement(t, s, tt.key).Database(t.Context(), tt.id)
			if got := upstash.CauseOf(err); got != tt.want {
				t.Errorf("cause %q (%v), want %q", got, err, tt.want)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the key is in the error: %v", err)
			}
		})
	}
}
