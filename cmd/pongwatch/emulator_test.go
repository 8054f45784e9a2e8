package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// startEmulator runs the subcommand until the test ends, and returns what it prints.
func startEmulator(t *testing.T, args ...string) map[string]string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if code := run(ctx, append([]string{"emulator", "--addr", "127.0.0.1:0"}, args...), in, t.Output()); code != exitOK {
			t.Errorf("exit code %d", code)
		}
		in.Close()
	}()
	t.Cleanup(func() { stop(); <-done })
	env := map[string]string{}
	lines := bufio.NewScanner(out)
	for len(env) < 2 && lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok {
			env[name] = value
		}
	}
	go io.Copy(io.Discard, out) //nolint:errcheck // until the subcommand ends
	return env
}

func TestEmulatorServesUntilStopped(t *testing.T) {
	env := startEmulator(t, "--token", "example")
	if env["UPSTASH_REDIS_REST_TOKEN"] != "example" {
		t.Errorf("printed %v", env)
	}
	c, err := upstash.New(upstash.Options{URL: env["UPSTASH_REDIS_REST_URL"], Token: secrets.New("example"), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Ping(t.Context()); r.Err != nil {
		t.Error(r.Err)
	}
}

func TestEmulatorOverTLSWithAFault(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	env := startEmulator(t, "--tls-ca", ca, "--fault", "quota")
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	c, err := upstash.New(upstash.Options{URL: env["UPSTASH_REDIS_REST_URL"], Token: secrets.New(env["UPSTASH_REDIS_REST_TOKEN"]), RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	if got := upstash.CauseOf(c.Ping(t.Context()).Err); got != cause.QuotaMonthly {
		t.Errorf("cause %q", got)
	}
}

// What it prints is an environment file, and it ends with its context.
func TestEmulatorPrintsAnEnvironment(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out strings.Builder
	code := run(ctx, []string{"emulator", "--addr", "127.0.0.1:0", "--token", "full", "--read-only-token", "part"}, &out, t.Output())
	want := regexp.MustCompile(`^UPSTASH_REDIS_REST_URL=http://127\.0\.0\.1:\d+\nUPSTASH_REDIS_REST_TOKEN=full\n# read-only token: part\n$`)
	if code != exitOK || !want.MatchString(out.String()) {
		t.Errorf("exit code %d, printed %q", code, out.String())
	}
}

// With --token-env the token stands neither in the process list nor in the output.
func TestEmulatorReadsItsTokenFromTheEnvironment(t *testing.T) {
	t.Setenv("EMULATED_TOKEN", "from-the-environment")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out strings.Builder
	code := run(ctx, []string{"emulator", "--addr", "127.0.0.1:0", "--token-env", "EMULATED_TOKEN", "--read-only-token", "part"}, &out, t.Output())
	want := regexp.MustCompile(`^UPSTASH_REDIS_REST_URL=http://127\.0\.0\.1:\d+\n# token: from EMULATED_TOKEN\n# read-only token: part\n$`)
	if code != exitOK || !want.MatchString(out.String()) {
		t.Errorf("exit code %d, printed %q", code, out.String())
	}
	// Equal tokens are refused: the standard token is the variable's.
	var stderr strings.Builder
	if code := run(ctx, []string{"emulator", "--addr", "127.0.0.1:0", "--token-env", "EMULATED_TOKEN", "--read-only-token", "from-the-environment"}, io.Discard, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "are the same") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

// A token on the command line stands in every process list, so that is said; one of a variable is not.
func TestEmulatorWarnsOfTokensOnTheCommandLine(t *testing.T) {
	t.Setenv("STANDARD", "full-token")
	t.Setenv("READ_ONLY", "part-token")
	for _, tt := range []struct {
		args []string
		want []string // flags that are warned of
	}{
		{nil, nil},
		{[]string{"--token", "full"}, []string{"--token"}},
		{[]string{"--token", "full", "--read-only-token", "part"}, []string{"--token", "--read-only-token"}},
		{[]string{"--token-env", "STANDARD", "--read-only-token-env", "READ_ONLY"}, nil},
	} {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		var out, stderr strings.Builder
		if code := run(ctx, append([]string{"emulator", "--addr", "127.0.0.1:0"}, tt.args...), &out, &stderr); code != exitOK {
			t.Errorf("%q: exit code %d: %s", tt.args, code, &stderr)
		}
		if n := strings.Count(stderr.String(), "every process list"); n != len(tt.want) {
			t.Errorf("%q: %d warnings, want %d: %s", tt.args, n, len(tt.want), &stderr)
		}
		for _, flag := range tt.want {
			if !strings.Contains(stderr.String(), "shows "+flag+"; "+flag+"-env VARIABLE hides it\n") {
				t.Errorf("%q: no warning of %s: %s", tt.args, flag, &stderr)
			}
		}
		if strings.Contains(out.String()+stderr.String(), "full-token") || strings.Contains(out.String()+stderr.String(), "part-token") {
			t.Errorf("%q: a variable's token is printed: %s%s", tt.args, &out, &stderr)
		}
	}
}

func TestEmulatorRefusesWhatItCannotDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name   string
		args   []string
		stderr string
	}{
		{"a mode that does not exist", []string{"--addr", "127.0.0.1:0", "--fault", "fire"}, `no mode "fire"`},
		{"a token given twice", []string{"--addr", "127.0.0.1:0", "--token", "a", "--token-env", "HOME"}, "exclude each other"},
		{"a variable that is not set", []string{"--addr", "127.0.0.1:0", "--token-env", "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE is empty or not set"},
		{"a port in use", []string{"--addr", taken.Addr().String()}, "address already in use"},
		{"a foreign certificate without TLS", []string{"--addr", "127.0.0.1:0", "--fault", "certificate"}, "needs TLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr strings.Builder
			if code := run(t.Context(), append([]string{"emulator"}, tt.args...), io.Discard, &stderr); code != exitFailed {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("stderr %q, want %q", stderr.String(), tt.stderr)
			}
		})
	}
}
