package check_test

import (
	"bufio"
	"fmt"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// limiterApp starts the app of docs/limiter.md with npm's @upstash/ratelimit. Its limiter counts in
// that database. A naive app trusts its library: it allows what the library allows, and what throws.
func limiterApp(t *testing.T, db *upstashtest.Server, naive bool) *httputil.ReverseProxy {
	t.Helper()
	page, err := os.ReadFile("../../docs/limiter.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)<!-- limiter.mjs -->\n```js\n(.*?)```").FindSubmatch(page)
	if code == nil {
		t.Fatal("docs/limiter.md has no limiter.mjs")
	}
	source := string(code[1])
	if naive {
		for careful, trusting := range map[string]string{`success && reason !== "timeout"`: "success", "return false;": "return true;"} {
			if strings.Count(source, careful) != 1 {
				t.Fatalf("docs/limiter.md does not say %q once", careful)
			}
			source = strings.Replace(source, careful, trusting, 1)
		}
	}
	modules, err := filepath.Abs("../upstash/upstashtest/clients/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	server, err := os.ReadFile("testdata/limiter-server.mjs")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"limiter.mjs": source, "server.mjs": string(server)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "server.mjs")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PROOF_KEY=" + proofKey, "UPSTASH_REDIS_REST_URL=" + db.URL(), "UPSTASH_REDIS_REST_TOKEN=" + db.Token()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the app did not start: %v", err)
	}
	return httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:" + strings.TrimSpace(port)})
}

// Redis answers pongwatch, and between the app and Redis something breaks.
func TestTheRealRatelimitOverFaults(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_NODE") != "1" {
		t.Skip("needs Node.js and npm: PONGWATCH_TEST_NODE=1 runs it")
	}
	if _, err := os.Stat("../upstash/upstashtest/clients/node_modules/@upstash/ratelimit"); err != nil {
		t.Fatalf("run npm ci --ignore-scripts in shared/upstash/upstashtest/clients first: %v", err)
	}
	for _, naive := range []bool{true, false} {
		t.Run(fmt.Sprintf("naive %t", naive), func(t *testing.T) {
			t.Parallel()
			db := upstashtest.Start(t, upstashtest.Options{})
			app := limiterApp(t, db, naive)
			target := target(t, report.Metrics, well(nil))
			target.Now = time.Now // the app's clock
			run := func() report.Observation { return limiterFrom(t, target, app.ServeHTTP, report.SourceProof) }
			healthy := func(when string) {
				t.Helper()
				o := run()
				for range 5 { // a machine that stalls for a second is no failure
					if o.Status != report.OK {
						o = run()
					}
				}
				if o.Status != report.OK {
					t.Errorf("%s: %+v", when, o)
				}
			}
			healthy("before")
			for _, mode := range []upstashtest.Mode{upstashtest.Hang, upstashtest.Slow, upstashtest.QuotaMonthly} {
				if err := db.Break(upstashtest.Fault{Mode: mode}); err != nil {
					t.Fatal(err)
				}
				found := false
				for range 2 {
					o := run()
					if o.Status == report.Unknown {
						t.Errorf("%s: %+v", mode, o)
					}
					found = found || o.Status == report.Fail
				}
				if found != naive {
					t.Errorf("%s: found within two runs %t, want %t", mode, found, naive)
				}
				if err := db.Break(upstashtest.Fault{}); err != nil {
					t.Fatal(err)
				}
				healthy("after " + string(mode))
			}
		})
	}
}
