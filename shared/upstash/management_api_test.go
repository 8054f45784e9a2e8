package upstash_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

func newManagement(t *testing.T, s *upstashtest.Server, key string) *upstash.Management {
	t.Helper()
	m, err := upstash.NewManagement(s.Email(), upstash.Options{
		URL: s.ManagementURL(), Token: secrets.New(key), AllowHTTP: true, RootCAs: s.CA(), Timeout: time.Second,
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
	s.SetSetting("state", "suspended")
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

// What the API says beside the figures is passed on whole, and never a token.
func TestManagementDatabaseJSON(t *testing.T) {
	s := upstashtest.Start(t, upstashtest.Options{APIKey: canary})
	s.SetSetting("daily_backup_enabled", true)
	body, err := newManagement(t, s, canary).DatabaseJSON(t.Context(), s.DatabaseID())
	if err != nil || !strings.Contains(string(body), `"daily_backup_enabled":true`) || strings.Contains(string(body), s.Token()) {
		t.Errorf("%s, %v; want the setting and no token", body, err)
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
