package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

func TestProbe(t *testing.T) {
	server := upstashtest.Start(t, upstashtest.Options{Token: "the-standard-token"})
	const three = `{databases: [
		{name: a, url: "%URL", token: the-standard-token},
		{name: b, url: "%URL", token: wrong},
		{name: c, url: "rediss://default:pw@x.upstash.io:6379", token: x}]}`
	tests := []struct {
		name  string
		fault upstashtest.Mode
		env   map[string]string
		args  []string
		code  int
		want  []string // in the output, in this order
	}{
		{
			"a PONG and its phases", upstashtest.None,
			map[string]string{"UPSTASH_REDIS_URL": "%URL", "UPSTASH_REDIS_TOKEN": "the-standard-token"},
			nil,
			exitOK,
			[]string{"ok       redis  PONG in ", " ms (connect ", "wait "},
		},
		{
			"a wrong token: cause, status, evidence, fix", upstashtest.None,
			map[string]string{"UPSTASH_REDIS_URL": "%URL", "UPSTASH_REDIS_TOKEN": "wrong"},
			nil,
			exitNo,
			[]string{"fail     redis  auth_invalid: Redis refuses the token, HTTP 401", "WRONGPASS", "1. Copy the REST token"},
		},
		{
			"slow is a warning, and an answer", upstashtest.Slow,
			map[string]string{"UPSTASH_REDIS_URL": "%URL", "UPSTASH_REDIS_TOKEN": "the-standard-token"},
			nil,
			exitOK,
			[]string{"warn     redis  slow: "},
		},
		{
			"each database on its own", upstashtest.None,
			map[string]string{"PONGWATCH_CONFIG": three},
			nil,
			exitNo,
			[]string{"ok       a", "fail     b  auth_invalid", "fail     c  config_scheme"},
		},
		{
			"one of them", upstashtest.None,
			map[string]string{"PONGWATCH_CONFIG": three},
			[]string{"--database", "a"},
			exitOK,
			[]string{"ok       a"},
		},
		{
			"an answer that is waited for no longer", upstashtest.Hang,
			map[string]string{"PONGWATCH_CONFIG": three},
			[]string{"--database", "a", "--timeout", "100ms"},
			exitNo,
			[]string{"fail     a  timeout"},
		},
		{"one that is not there", upstashtest.None, map[string]string{"PONGWATCH_CONFIG": three}, []string{"--database", "z"}, exitFailed, []string{`no database "z"`}},
		{"mock mode is a failure", upstashtest.None, map[string]string{"MOCK_REDIS": "true"}, nil, exitNo, []string{"fail     redis  mock: "}},
		{"nothing configured", upstashtest.None, nil, nil, exitFailed, []string{"set UPSTASH_REDIS_URL"}},
		{"an unreadable configuration", upstashtest.None, map[string]string{"PONGWATCH_CONFIG": "{databases: 7}"}, nil, exitFailed, []string{"databases"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := server.Break(upstashtest.Fault{Mode: tt.fault}); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"PONGWATCH_CONFIG", "UPSTASH_REDIS_URL", "UPSTASH_REDIS_TOKEN", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "MOCK_REDIS"} {
				t.Setenv(name, strings.ReplaceAll(tt.env[name], "%URL", server.URL()))
			}
			var stdout, stderr strings.Builder
			if code := run(t.Context(), append([]string{"probe"}, tt.args...), &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			out := stdout.String() + stderr.String()
			rest := out
			for _, want := range tt.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("the output lacks %q (in this order):\n%s", want, out)
				}
				rest = after
			}
			if strings.Contains(out, "the-standard-token") || strings.Contains(out, "pw@") {
				t.Errorf("the output holds a secret:\n%s", out)
			}
		})
	}
}

func TestProbeJSON(t *testing.T) {
	server := upstashtest.Start(t, upstashtest.Options{})
	t.Setenv("PONGWATCH_CONFIG", "")
	t.Setenv("UPSTASH_REDIS_URL", server.URL())
	t.Setenv("UPSTASH_REDIS_TOKEN", "wrong")
	var stdout, stderr strings.Builder
	if code := run(t.Context(), []string{"probe", "--json"}, &stdout, &stderr); code != exitNo {
		t.Errorf("exit code %d, want 1\n%s", code, stderr.String())
	}
	var got struct{ Databases []map[string]any }
	if err := json.Unmarshal([]byte(stdout.String()), &got); err != nil || len(got.Databases) != 1 {
		t.Fatalf("%v in %s", err, stdout.String())
	}
	d := got.Databases[0]
	if diff := cmp.Diff(map[string]any{"database": "redis", "status": "fail", "cause": "auth_invalid", "http_status": 401.0},
		map[string]any{"database": d["database"], "status": d["status"], "cause": d["cause"], "http_status": d["http_status"]}); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	want := []string{"cause", "database", "evidence", "findings", "fix", "http_status", "phases_ms", "severity", "shard", "status", "title"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(d))); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}
