package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigCommand(t *testing.T) {
	const badText = "databases:\n  - name: a\n    url: rediss://a.upstash.io:6379\n    token: sm://projects/p/secrets/a\n    plan: fre\n"
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte(badText), 0o600); err != nil {
		t.Fatal(err)
	}
	inline := filepath.Join(dir, "inline.yaml")
	if err := os.WriteFile(inline, []byte("databases: [{name: a, url: 'https://a.upstash.io', token: AX}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		env  map[string]string
		code int
		out  []string // in stdout
		err  string   // in stderr
	}{
		{"a good file", []string{"check", "../../examples/config/complete.yaml"}, nil, exitOK, []string{"4 database(s) in 2 shard(s), 5 receiver(s)", "no problems"}, ""},
		{"all problems of a bad one", []string{"check", bad}, nil, exitNo, []string{
			bad + ":3:5: databases[0].url is a rediss:// URL", "example: https://", bad + ":5:5: databases[0].plan is none of", "did you mean free?", "notice: receivers is empty, so no one is notified", "2 problem(s)",
		}, ""},
		{"a file that is not there", []string{"check", filepath.Join(dir, "none.yaml")}, nil, exitFailed, nil, "no such file"},
		{"the environment's document", []string{"check"}, map[string]string{"PONGWATCH_CONFIG": bad}, exitNo, []string{"databases[0].url"}, ""},
		{"a fatal problem of the environment's document", []string{"check"}, map[string]string{"PONGWATCH_CONFIG": "homme: x"}, exitNo, []string{"warning: PONGWATCH_CONFIG:1:1: homme is not a key here; did you mean home?", "fatal: databases is empty"}, ""},
		{"a token in plain text", []string{"check", inline}, nil, exitNo, []string{"databases[0].token", "1 problem(s)"}, ""},
		{"a token in plain text, as local accepts it", []string{"check", "--local", inline}, nil, exitOK, []string{"no problems"}, ""},
		{"a token in plain text of the environment's document", []string{"check"}, map[string]string{"PONGWATCH_CONFIG": inline}, exitNo, []string{"databases[0].token"}, ""},
		{"two files, merged", []string{"check", "../../examples/config/complete.yaml", inline, "--local"}, nil, exitOK, []string{"5 database(s) in 2 shard(s)"}, ""},
		{"no argument for the schema", []string{"schema", "draft"}, nil, exitFailed, nil, `unexpected argument "draft"`},
		{"the customer's variables", []string{"check"}, map[string]string{"UPSTASH_REDIS_URL": "https://a.upstash.io", "UPSTASH_REDIS_TOKEN": "AX", "REDIS_MAX_CONNECTIONS": "50"}, exitOK, []string{"notice:", "no problems"}, ""},
		{"nothing configured", []string{"check"}, nil, exitFailed, nil, "UPSTASH_REDIS_URL"},
		{"an unknown flag", []string{"check", "--no"}, nil, exitFailed, nil, `unknown flag: --no; see "pongwatch config check --help"`},
		{"help", []string{"--help"}, nil, exitOK, []string{"Usage"}, ""},
		{"no subcommand", nil, nil, exitFailed, nil, "Usage"},
		{"another subcommand", []string{"chekc"}, nil, exitFailed, nil, `unknown command "chekc" (did you mean "check"?); see "pongwatch config --help"`},
		{"the schema", []string{"schema"}, nil, exitOK, []string{`"$schema"`}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"PONGWATCH_CONFIG", "UPSTASH_REDIS_URL", "UPSTASH_REDIS_TOKEN", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "MOCK_REDIS", "REDIS_MAX_CONNECTIONS"} {
				t.Setenv(name, tt.env[name])
			}
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), append([]string{"config"}, tt.args...), &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, tt.code, &stdout, &stderr)
			}
			for _, want := range tt.out {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("stdout has no %q:\n%s", want, &stdout)
				}
			}
			if strings.Contains(stdout.String(), "fatal: ") && strings.Contains(stdout.String(), "database(s)") {
				t.Errorf("it counts the databases of a document that it cannot read:\n%s", &stdout)
			}
			if !strings.Contains(stderr.String(), tt.err) {
				t.Errorf("stderr has no %q:\n%s", tt.err, &stderr)
			}
		})
	}

	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"config", "check", "--json", bad}, &stdout, &stderr); code != exitNo {
		t.Fatalf("--json: exit code %d: %s", code, &stderr)
	}
	var got checked
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.OK || len(got.Problems) != 3 || !got.Problems[2].Notice || got.Problems[0].Line != 3 || got.Problems[0].Database != "a" || got.Hash == "" {
		t.Errorf("--json: %+v", got)
	}
}
