package check_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// vault is a Source that fails at the n-th read, and answers texts otherwise.
type vault struct {
	texts  map[string]string // by the secret's short name
	failAt int32
	err    error
	reads  atomic.Int32
}

func (v *vault) Access(_ context.Context, name string) (secrets.Secret, error) {
	if n := v.reads.Add(1); n == v.failAt {
		return secrets.Secret{}, v.err
	}
	parts := strings.Split(name, "/")
	return secrets.Secret{Data: []byte(v.texts[parts[3]]), Version: "1"}, nil
}

// settings parses a document in which the account's and the proof's keys are secrets.
func settings(t *testing.T, extra string) *config.Config {
	t.Helper()
	c, problems := config.Parse(true, config.Document{Name: "test", Text: []byte(
		"databases: [{name: cache, url: https://cache.upstash.io, token: token}]\n" +
			"management: {email: sm://projects/p/secrets/email, api_key: sm://projects/p/secrets/key}\n" +
			"proof_key: sm://projects/p/secrets/proof\n" + extra)})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheAccountsSecretsMayFailAtEachRead(t *testing.T) {
	reasons := map[string]error{
		"denied": secrets.ErrDenied, "missing": secrets.ErrNotFound, "disabled": secrets.ErrDisabled, "unavailable": secrets.ErrUnavailable,
	}
	for name, reason := range reasons {
		for failAt := range int32(3) {
			t.Run(fmt.Sprintf("%s at read %d", name, failAt), func(t *testing.T) {
				target, server := emulated(t)
				server.SetMonthlyCommands(100)
				v := &vault{texts: map[string]string{"email": server.Email(), "key": server.APIKey()}, failAt: failAt, err: reason}
				c := settings(t, "")
				c.Management.URL = server.ManagementURL()
				target.Account = check.NewAccount(c, secrets.NewCache(v.Access, nil), upstash.Options{AllowHTTP: true})
				t.Cleanup(target.Account.Close)
				target.Readings = []report.Reading{{At: eight.Add(-time.Minute), Values: map[report.Gauge]float64{report.GaugeMonthCommandsSeen: 7}}}
				got := observe(t, target)[report.Commands]
				if failAt == 0 {
					if got.Status != report.OK || !strings.HasPrefix(got.Evidence, "100 commands this month of 500000") {
						t.Errorf("commands = %+v, want the account's own figure", got)
					}
					return
				}
				if got.Status != report.Warn || got.Cause != cause.MonitorManagement || got.Clear || !strings.Contains(got.Evidence, "not from the account: ") {
					t.Errorf("commands = %+v, want a warning about the account beside the lower bound", got)
				}
				if !strings.Contains(got.Evidence, reason.Error()) {
					t.Errorf("the evidence %q does not name the reason %q", got.Evidence, reason)
				}
			})
		}
	}
}

func TestAnAccountWithAWrongAddressIsAWarning(t *testing.T) {
	target, server := emulated(t)
	target.Account = accountAt(t, server, server.APIKey(), "ftp://api.example.com")
	if got := observe(t, target)[report.Commands]; !strings.Contains(got.Evidence, "not from the account: the URL does not start with https://") {
		t.Errorf("commands = %+v, want the lower bound with the reason", got)
	}
}

func TestWithoutManagementThereIsNoAccount(t *testing.T) {
	account := check.NewAccount(config.Default(), nil, upstash.Options{})
	if account != nil {
		t.Error("an account without an email and a key")
	}
	account.Close() // a nil account may be closed
}

// TestTheAccountFollowsItsKey rotates the key between two runs.
func TestTheAccountFollowsItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{texts: map[string]string{"email": "ops@example.com", "key": "first"}}
		var seen []string
		wire := transport(func(r *http.Request) (*http.Response, error) {
			email, key, _ := r.BasicAuth()
			seen = append(seen, email+":"+key)
			return nil, errors.New("no network here")
		})
		account := check.NewAccount(settings(t, ""), secrets.NewCache(v.Access, nil), upstash.Options{Transport: wire})
		ask := func() {
			target := &check.Target{Database: database(), Job: report.Metrics, Account: account}
			target.Database.DatabaseID = "a"
			target.Database.Checks.Commands = config.Check{Enabled: true, Every: time.Minute}
			check.Run(t.Context(), target, check.Specs(report.Metrics, target.Database, time.Minute), eight, time.Minute)
		}
		ask()
		v.texts["key"] = "second"
		ask() // within the cache's hour
		time.Sleep(time.Hour)
		ask()
		v.texts["email"] = "new@example.com"
		time.Sleep(time.Hour)
		ask()
		want := "ops@example.com:first ops@example.com:first ops@example.com:second new@example.com:second"
		if got := strings.Join(seen, " "); got != want {
			t.Errorf("asked as %q, want %q", got, want)
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAProofWithoutAKeyIsUnknown(t *testing.T) {
	tests := []struct {
		name  string
		vault *vault
		keys  bool // whether the configuration names a key
		want  cause.Cause
		says  string
	}{
		{"no key is configured", &vault{}, false, cause.ConfigMissing, "proof_key is not configured"},
		{"the secret is denied", &vault{failAt: 1, err: secrets.ErrDenied}, true, cause.MonitorSecretDenied, "reading proof_key"},
		{"the secret is gone", &vault{failAt: 1, err: secrets.ErrNotFound}, true, cause.MonitorSecretMissing, "reading proof_key"},
		{"the secret is empty", &vault{texts: map[string]string{"proof": " "}}, true, cause.MonitorSecretMissing, "reading proof_key"},
		{"Secret Manager is down", &vault{failAt: 1, err: secrets.ErrUnavailable}, true, cause.MonitorSecretUnavailable, "reading proof_key"},
		{"it is no key", &vault{texts: map[string]string{"proof": "whsec_!"}}, true, cause.ConfigInvalid, "proof_key: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := target(t, report.Metrics, (&fakeRedis{set: setOK, values: map[string]bool{}}).ServeHTTP)
			apps(t, target, func(http.ResponseWriter, *http.Request) { t.Error("the app was asked") })
			c := settings(t, "")
			if !tt.keys {
				c.ProofKey = config.Secret{}
			}
			c.Databases[0].Apps = target.Database.Apps
			target.Apps = check.NewApps(c, check.ProofKeys(c, secrets.NewCache(tt.vault.Access, nil)))
			o := mockFrom(t, target, report.SourceProof)
			if o.Status != report.Unknown || o.Cause != tt.want || !strings.Contains(o.Evidence, tt.says) {
				t.Errorf("%+v, want unknown of %s that says %q", o, tt.want, tt.says)
			}
		})
	}
	t.Run("there is no app client", func(t *testing.T) {
		target := target(t, report.Metrics, (&fakeRedis{set: setOK, values: map[string]bool{}}).ServeHTTP)
		apps(t, target, pong)
		target.Apps = nil
		if o := mockFrom(t, target, report.SourceProof); o.Status != report.Unknown || o.Cause != cause.ConfigMissing {
			t.Errorf("%+v, want unknown of config_missing", o)
		}
	})
}

// TestRedisMayFailAtEachRequestOfARun lets the n-th request of a whole Metrics run fail.
// No failure may look like a good result of the check that met it.
func TestRedisMayFailAtEachRequestOfARun(t *testing.T) {
	requests := func(failAt int) (all map[report.Check]report.Observation, n int, failed string) {
		target, server := emulated(t)
		fill(t, server, map[string]string{"ws:1:a": "{}", "ws:1:b": "[1]"})
		wire := transport(func(r *http.Request) (*http.Response, error) {
			if n++; n == failAt {
				failed = r.URL.Path
				return nil, errors.New("connection lost")
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		client, err := upstash.New(upstash.Options{URL: server.URL(), Token: secrets.New(server.Token()), AllowHTTP: true, Transport: wire})
		if err != nil {
			t.Fatal(err)
		}
		target.SetClient(client, "7", nil)
		return observe(t, target), n, failed
	}
	good, total, _ := requests(0)
	for c, o := range good {
		if o.Status != report.OK {
			t.Fatalf("without a failure %s is %+v", c, o)
		}
	}
	if total < 5 {
		t.Fatalf("%d requests in a run, want INFO, the canary, the round trip and both samples", total)
	}
	for failAt := 1; failAt <= total; failAt++ {
		all, _, path := requests(failAt)
		bad := 0
		for _, o := range all {
			if o.Status == report.Unknown && o.Evidence != "" {
				bad++
			}
		}
		if bad == 0 {
			t.Errorf("request %d of %d (%s) fails, and no check is unknown: %+v", failAt, total, path, all)
		}
	}
}

func TestARunThatEndsInterruptsWhatItHasNotAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	target := target(t, report.HealthCheck, pong)
	apps(t, target, pong)
	target.PingAgain(ctx)
	for _, o := range check.Run(ctx, target, check.Specs(report.HealthCheck, target.Database, time.Minute), eight, time.Minute) {
		if o.Check == report.ConfigLoad || o.Source == report.SourceConfig {
			continue
		}
		if o.Status != report.Unknown || o.Cause != cause.Interrupted {
			t.Errorf("%s of %s = %+v, want it interrupted", o.Check, o.Source, o)
		}
	}
	if s := target.Sample(eight); s.Status != report.Unknown || s.Cause != cause.Interrupted || s.Attempts != 0 {
		t.Errorf("history's sample is %+v, want it interrupted without an attempt", s)
	}
}

func TestAnInfoThatFailedIsAskedAgainThroughAnotherClient(t *testing.T) {
	server := upstashtest.Start(t, upstashtest.Options{})
	client := func(token string) *upstash.Client {
		c, err := upstash.New(upstash.Options{URL: server.URL(), Token: secrets.New(token), AllowHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.CloseIdleConnections)
		return c
	}
	old, fresh := client("old"), client(server.Token())
	target := &check.Target{Database: database(), Job: report.Metrics}
	if _, err := target.Info(t.Context()); err == nil {
		t.Error("INFO of a target without a client succeeds")
	}
	target.SetClient(old, "1", nil)
	if _, err := target.Info(t.Context()); upstash.CauseOf(err) != cause.AuthInvalid {
		t.Errorf("INFO with a refused token: %v", err)
	}
	target.SetClient(old, "1", nil)
	if _, err := target.Info(t.Context()); upstash.CauseOf(err) != cause.AuthInvalid {
		t.Errorf("the same client is asked again: %v", err)
	}
	if n := server.CommandCounts()["INFO"]; n != 0 {
		t.Errorf("INFO ran %d times with a refused token", n)
	}
	target.SetClient(fresh, "2", nil)
	for range 2 {
		if _, err := target.Info(t.Context()); err != nil {
			t.Errorf("INFO through another client: %v", err)
		}
	}
	if n := server.CommandCounts()["INFO"]; n != 1 {
		t.Errorf("INFO ran %d times, want once for all checks", n)
	}
}
