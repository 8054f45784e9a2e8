package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/top"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// topEnvironment sets what the configuration is read from, and nothing else.
func topEnvironment(t *testing.T, document string, more ...string) {
	t.Helper()
	for _, name := range []string{"UPSTASH_REDIS_URL", "UPSTASH_REDIS_TOKEN", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "MOCK_REDIS"} {
		t.Setenv(name, "")
	}
	t.Setenv("PONGWATCH_CONFIG", document)
	for _, m := range more {
		name, value, _ := strings.Cut(m, "=")
		t.Setenv(name, value)
	}
}

func TestTopRefuses(t *testing.T) {
	server := upstashtest.Start(t, upstashtest.Options{Token: "the-standard-token", APIKey: "the-key"})
	managed := "management: {email: ops@example.com, api_key: the-key, url: \"" + server.ManagementURL() + "\"}\n"
	database := func(name, more string) string {
		return fmt.Sprintf("  - {name: %s, url: %q, token: the-standard-token%s}\n", name, server.URL(), more)
	}
	number := func(n float64) upstashtest.Month { return upstashtest.Month{Type: "payg", Budget: 20, Dollars: n} }
	tests := []struct {
		name     string
		document string
		month    upstashtest.Month
		args     []string
		code     int
		says     string
	}{
		{"nothing configured", "", number(0), nil, exitFailed, "set UPSTASH_REDIS_URL"},
		{"the free plan", "databases:\n" + database("a", ""), number(0), nil, exitNo, "a: no sample is taken, because plan free (databases[].plan) is small"},
		{"several databases", "databases:\n" + database("a", "") + database("b", ""), number(0), nil, exitFailed, "want --database with one of: a, b"},
		{"another database", "databases:\n" + database("a", ""), number(0), []string{"--database", "z"}, exitFailed, `no database "z" is configured; there are: a`},
		{"too short", "databases:\n" + database("a", ""), number(0), []string{"--for", "1s"}, exitFailed, "--for is 1s; want 20s to 60s"},
		{"too long", "databases:\n" + database("a", ""), number(0), []string{"--for", "5m"}, exitFailed, "want 20s to 60s"},
		{"the budget is nearly spent, by the account", managed + "databases:\n" + database("a", ", database_id: emulated"), number(19.9), nil, exitNo, "$19.90 of the database's budget of $20.00"},
		{"the account does not answer", strings.Replace(managed, "the-key", "another", 1) + "databases:\n" + database("a", ", plan: payg, database_id: emulated"), number(0), nil, exitNo, "could not be read: management database: monitor_management"},
		{"an address for TCP that is none", "databases:\n" + database("a", ", plan: payg"), number(0), []string{"--tcp-url-env", "TCP"}, exitFailed, "--tcp-url-env TCP: the TCP URL does not start with rediss://"},
		{"a variable that is not set", "databases:\n" + database("a", ", plan: payg"), number(0), []string{"--tcp-url-env", "TCP_TYPO"}, exitFailed, "TCP_TYPO"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			topEnvironment(t, tt.document, "TCP=https://default:the-password@x.upstash.io")
			server.SetMonth(tt.month)
			var stdout, stderr strings.Builder
			if code := run(t.Context(), append([]string{"top"}, tt.args...), &stdout, &stderr); code != tt.code || !strings.Contains(stderr.String(), tt.says) || stdout.Len() > 0 {
				t.Errorf("exit code %d, want %d:\n%s%s", code, tt.code, stdout.String(), stderr.String())
			}
			for _, secret := range []string{"the-standard-token", "the-password", "the-key"} {
				if strings.Contains(stderr.String(), secret) {
					t.Errorf("it says the secret: %s", stderr.String())
				}
			}
		})
	}
	if n := server.CommandCounts()["MONITOR"]; n != 0 {
		t.Errorf("MONITOR ran %d times", n)
	}
}

func TestTopPrintsWhatItHasWhenItIsInterrupted(t *testing.T) {
	for _, format := range []string{"table", "JSON"} {
		server := upstashtest.Start(t, upstashtest.Options{Token: "the-standard-token"})
		topEnvironment(t, fmt.Sprintf("databases: [{name: prod-cache, url: %q, token: the-standard-token}]", server.URL()))
		ctx, interrupt := context.WithCancel(t.Context())
		played := make(chan struct{})
		go func() {
			defer close(played)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for n := 0; n < 1000; {
				<-tick.C
				if server.Monitors() > 0 {
					server.Observe("10.0.0.7:1", "GET", fmt.Sprintf("session:canary%d", n))
					n++
				}
			}
			interrupt()
		}()
		args := []string{"top", "--accept-cost"}
		if format == "JSON" {
			args = append(args, "--json")
		}
		var stdout, stderr strings.Builder
		code := run(ctx, args, &stdout, &stderr)
		<-played
		out := stdout.String()
		if code != exitOK || strings.Contains(out+stderr.String(), "canary") || !strings.Contains(out, "session:*") || !strings.Contains(stderr.String(), "prod-cache: a sample of 30 s costs 1 command") {
			t.Errorf("%s: exit code %d\n%s%s", format, code, out, stderr.String())
		}
		var r top.Result
		switch {
		case format == "JSON" && (json.Unmarshal([]byte(out), &r) != nil || r.Database != "prod-cache" || r.Commands == 0 || r.Quota != 500_000):
			t.Errorf("JSON: %+v", r)
		case format == "table" && (!strings.Contains(out, "the sample ended after") || !strings.Contains(out, "This sample cost 1 command") || !strings.Contains(out, " the 500,000 commands of plan free")):
			t.Errorf("table:\n%s", out)
		}
	}
}
