package check_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// tokens answers with the token that the request carried as an error, so that a
// test sees who asked.
type tokens struct{ seen []string }

func (t *tokens) RoundTrip(r *http.Request) (*http.Response, error) {
	t.seen = append(t.seen, r.Header.Get("Authorization"))
	return nil, errors.New("no network here")
}

func TestClientsFollowTheirCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire := &tokens{}
		current, reads := "one", 0
		resolve := func(context.Context, *config.Database, bool) (config.Credentials, error) {
			reads++
			return config.Credentials{URL: "https://fake.upstash.io", Token: secrets.New(current), Version: current}, nil
		}
		clients := check.NewClients(resolve, upstash.Options{Transport: wire})
		ask := func(fresh bool, wantReads int, wantToken string) {
			t.Helper()
			target := &check.Target{Database: database(), Job: report.HealthCheck}
			clients.Prepare(t.Context(), target, fresh)
			target.PingAgain(t.Context())
			if got := wire.seen[len(wire.seen)-1]; got != "Bearer "+wantToken || reads != wantReads {
				t.Errorf("asked with %q after %d reads, want token %s after %d", got, reads, wantToken, wantReads)
			}
		}
		ask(false, 1, "one")
		current = "two"
		ask(false, 1, "one") // lately looked up
		ask(true, 2, "two")  // refused: read again at once
		current = "three"
		time.Sleep(6 * time.Minute)
		ask(false, 3, "three")
		clients.Close()
	})
}

func TestWithoutCredentialsTheReasonIsNamed(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want cause.Cause
	}{
		{"the secret may not be read", fmt.Errorf("reading: %w", secrets.ErrDenied), cause.MonitorSecretDenied},
		{"it is not there", fmt.Errorf("reading: %w", secrets.ErrNotFound), cause.MonitorSecretMissing},
		{"its version is off", fmt.Errorf("reading: %w", secrets.ErrDisabled), cause.MonitorSecretMissing},
		{"it is empty", fmt.Errorf("reading: %w", secrets.ErrEmpty), cause.MonitorSecretMissing},
		{"Secret Manager is down", fmt.Errorf("reading: %w", secrets.ErrUnavailable), cause.MonitorSecretUnavailable},
		{"what it holds is no URL", config.Problem{Key: "databases.cache.url", What: "begins with rediss://", Cause: cause.ConfigScheme}, cause.ConfigScheme},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := target(t, report.HealthCheck, func(http.ResponseWriter, *http.Request) { t.Error("the database was asked") })
			clients := check.NewClients(func(context.Context, *config.Database, bool) (config.Credentials, error) {
				return config.Credentials{}, tt.err
			}, upstash.Options{})
			clients.Prepare(t.Context(), target, false)
			got := observe(t, target)
			if o := got[report.Ping]; o.Status != report.Unknown || o.Cause != tt.want {
				t.Errorf("ping = %+v, want unknown of %s", o, tt.want)
			}
			if o := got[report.ConfigLoad]; o.Status != report.Fail || o.Cause != tt.want || o.Evidence == "" {
				t.Errorf("config = %+v, want fail of %s with evidence", o, tt.want)
			}
		})
	}
}
