package preflight_test

import (
	"context"
	"testing"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// An item that is asked alone does not pass, and does not panic, where the database's secret cannot be read. It says why.
func TestAnItemAloneWithoutTheSecret(t *testing.T) {
	t.Parallel()
	c, problems := config.Parse(false, config.Document{Name: "test", Text: []byte(`
databases:
  - name: cache
    url: https://merry-cat-32748.upstash.io
    token: sm://projects/my-project/secrets/token
    app: {service: backend, health_url: "https://app.example.com/health", limiter: true}
proof_key: sm://projects/my-project/secrets/proof-key
`)})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	denied := func(context.Context, string) (secrets.Secret, error) { return secrets.Secret{}, secrets.ErrDenied }
	for _, id := range []string{
		"database.token-shape", "network.egress", "database.region", "network.ping", "redis.write", "redis.queue", "security.https", "security.isolation",
		"metrics.ping", "metrics.hit-rate", "metrics.memory", "app.limiter",
	} {
		record, err := preflight.Run(t.Context(), preflight.Options{Config: c, Secrets: secrets.NewCache(denied, nil), Only: []string{id}})
		if err != nil || len(record.Results) != 1 || record.Results[0].Status != preflight.Fail || record.Results[0].Cause != cause.MonitorSecretDenied {
			t.Errorf("%s: %+v, %v; want fail of %s", id, record.Results, err, cause.MonitorSecretDenied)
		}
	}
}

// What was not measured is not good: no connection is no short way, and no TLS that was verified.
func TestAnItemAloneWithoutAConnection(t *testing.T) {
	t.Parallel()
	s, err := upstashtest.New(upstashtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Break(upstashtest.Fault{Mode: upstashtest.Refuse}); err != nil {
		t.Fatal(err)
	}
	record, err := preflight.Run(t.Context(), preflight.Options{
		Config: configured(t, map[string]*upstashtest.Server{"cache": s}), Secrets: secrets.NewCache(nil, nil), Upstash: upstash.Options{AllowHTTP: true},
		Only: []string{"database.region"},
	})
	if err != nil || len(record.Results) != 1 || record.Results[0].Status != preflight.Skipped {
		t.Errorf("%+v, %v; want skipped", record.Results, err)
	}
}
