package check_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// fill writes keys and values.
func fill(t *testing.T, server *upstashtest.Server, pairs map[string]string) {
	t.Helper()
	client, err := upstash.New(upstash.Options{URL: server.URL(), Token: secrets.New(server.Token()), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	command := upstash.Command{"MSET"}
	for key, value := range pairs {
		command = append(command, key, value)
	}
	if _, err := client.Do(t.Context(), command...); err != nil {
		t.Fatal(err)
	}
}

// sampler is an emulated target that only samples.
func sampler(t *testing.T) (*check.Target, *upstashtest.Server) {
	target, server := emulated(t)
	target.Database.Checks.Write.Enabled, target.Database.Checks.RoundTrip.Enabled = false, false
	return target, server
}

func TestIsolationFindsWhatLiesOutsideTheWorkspaces(t *testing.T) {
	target, server := sampler(t)
	const keys, outside = 10_000, 37
	const secret = "do-not-show-me"
	pairs, strays := map[string]string{}, []string{}
	for i := range keys - outside - 5 {
		pairs[fmt.Sprintf("ws:%d:session:%d", i%50, i)] = secret
	}
	for i := range outside {
		key := []string{"user:%d", "session:eve-%d@example.com:x", "token%d", "ws:%d"}[i%4]
		strays = append(strays, fmt.Sprintf(key, 1000+i))
		pairs[strays[i]] = secret
	}
	for _, key := range []string{
		"@upstash/ratelimit:203.0.113.9:28412", "@upstash/ratelimit:dynamic:global", "@upstash/ratelimit:denyList:all",
		"@upstash/analytics:requests:1700000000000", "ws:_pongwatch:canary:LEFT",
	} {
		pairs[key] = secret
	}
	fill(t, server, pairs)
	before := server.Commands()
	all := observe(t, target)
	got := all[report.Isolation]
	if got.Status != report.Warn || got.Cause != cause.IsolationViolation || got.Clear || got.Value == nil || *got.Value != outside {
		t.Errorf("isolation = %+v, want a warning of %d keys", got, outside)
	}
	for _, want := range []string{"37 of all 10000 keys", "user:* (10)", "session:* (9)"} {
		if !strings.Contains(got.Evidence, want) {
			t.Errorf("the evidence %q does not say %q", got.Evidence, want)
		}
	}
	if n := server.Commands() - before; n > 130 {
		t.Errorf("%d commands, want at most 130", n)
	}
	published, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	text := string(published)
	for _, stray := range append(strays, secret, "eve-") {
		if strings.Contains(text, stray) {
			t.Errorf("%q is in the observations", stray)
		}
	}
}

func TestIsolationKeepsToItsBudgetInALargeDatabase(t *testing.T) {
	for _, budget := range []int{1, 4, 100} {
		target, _ := sampler(t)
		commands := map[string]int{}
		endless := targetOf(t, func(command []any) string {
			name := command[0].(string)
			commands[name]++
			if name == "SCAN" {
				return `["MTI=",["d3M6MTph"]]` // never the end
			}
			return `"c3RyYXk="`
		})
		endless.Database = target.Database
		endless.Database.Checks.Isolation.MaxCommands = budget
		endless.Database.Checks.Values.Enabled = false
		got := observe(t, endless)[report.Isolation]
		if n := commands["SCAN"] + commands["RANDOMKEY"]; n != budget || commands["RANDOMKEY"] != budget/5 {
			t.Errorf("with a budget of %d: %v", budget, commands)
		}
		if !strings.Contains(got.Evidence, "sampled keys") {
			t.Errorf("evidence %q, want it to say that it is a sample", got.Evidence)
		}
	}
}

func TestIsolationBearsWhatScanMayAnswer(t *testing.T) {
	tests := []struct {
		name   string
		pages  []string
		status report.Status
		says   string
	}{
		{"an empty database", []string{`["MA==",[]]`}, report.OK, "0 of all 0 keys"},
		{"an empty page before the last", []string{`["Nw==",[]]`, `["MA==",["dXNlcjox"]]`}, report.Warn, "1 of all 1 keys"},
		{"a key that comes twice counts once", []string{`["Nw==",["dXNlcjox"]]`, `["MA==",["dXNlcjox"]]`}, report.Warn, "1 of all 2 keys"},
		{"no page at all", []string{`"T0s="`}, report.Unknown, "not answered by a page"},
		{"a scan that ends early and found nothing", []string{`["Nw==",["d3M6MTph"]]`, `"T0s="`}, report.Unknown, "not answered by a page"},
		{"one that ends early and found something", []string{`["Nw==",["dXNlcjox"]]`, `"T0s="`}, report.Warn, "1 of 1 sampled keys"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			model, _ := sampler(t)
			model.Database.Checks.Values.Enabled = false
			pages := tt.pages
			x := targetOf(t, func([]any) string {
				page := pages[0]
				pages = pages[1:]
				return page
			})
			x.Database = model.Database
			if got := observe(t, x)[report.Isolation]; got.Status != tt.status || !strings.Contains(got.Evidence, tt.says) {
				t.Errorf("isolation = %+v, want %s that says %q", got, tt.status, tt.says)
			}
		})
	}
}

func TestValuesThatMayNotBeReadAreNotGood(t *testing.T) {
	const refused = `null,"error":"NOPERM this user has no permissions to run the 'getrange' command"`
	for _, tt := range []struct {
		name   string
		second string // what the second of two keys holds
		status report.Status
	}{
		{"none may be read", refused, report.Unknown},
		{"the one that may is JSON", `"eyJhIjoxfQ=="`, report.Unknown},
		{"the one that may is none", `"W29iamVjdCBPYmplY3Rd"`, report.Warn},
	} {
		t.Run(tt.name, func(t *testing.T) {
			model, _ := sampler(t)
			model.Database.Checks.Isolation.Enabled = false
			x := targetOf(t, func(command []any) string {
				switch {
				case command[0] == "SCAN":
					return `["MA==",["d3M6MTph","d3M6MTpi"]]`
				case command[1] == "ws:1:a":
					return refused
				}
				return tt.second
			})
			x.Database = model.Database
			if got := observe(t, x)[report.Values]; got.Status != tt.status {
				t.Errorf("values = %+v, want %s", got, tt.status)
			}
		})
	}
}

func TestExemptionsAndPatternAreConfigured(t *testing.T) {
	target, server := sampler(t)
	target.Database.Checks.Isolation.Pattern = `^tenant:[0-9]+:`
	target.Database.Checks.Isolation.Exempt = []string{"feature-flags:", "rl:"}
	fill(t, server, map[string]string{"tenant:1:a": "1", "feature-flags:beta": "1", "rl:ws:42": "1"})
	if got := observe(t, target)[report.Isolation]; got.Status != report.OK || !got.Clear {
		t.Errorf("isolation = %+v, want ok", got)
	}
}

func TestValuesThatShouldBeJSONAre(t *testing.T) {
	long := `{"text":"` + strings.Repeat("x", 40_000) + `"}`
	tests := []struct {
		name    string
		pattern string
		pairs   map[string]string
		found   float64
		says    string
	}{
		{"what does not begin like JSON is no mistake", "", map[string]string{"ws:1:a": "plain", "ws:1:b": "42"}, 0, "0 of 2 sampled"},
		{"what does must be", "", map[string]string{"ws:1:a": "[object Object]", "ws:1:b": `{"half":`, "ws:1:c": `{"a":1}`}, 2, "2 of 3 sampled values not JSON: ws:* (2)"},
		{"with a pattern every value must be", "^ws:[^:]+:session:", map[string]string{"ws:1:session:a": "plain", "ws:1:other": "plain"}, 1, "1 of 1 sampled"},
		{"a long value is judged by its beginning", "", map[string]string{"ws:1:a": long, "ws:1:b": long[:len(long)-2] + `]`}, 0, "0 of 2 sampled"},
		{"a long value that is broken at once", "", map[string]string{"ws:1:a": `{oops` + long}, 1, "1 of 1"},
		{"libraries and pongwatch are not the app", "", map[string]string{"@upstash/ratelimit:x": "{", "ws:_pongwatch:x": "{"}, 0, "0 of 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target, server := sampler(t)
			target.Database.Checks.Values.Pattern = tt.pattern
			target.Database.Checks.Isolation.Enabled = false
			fill(t, server, tt.pairs)
			got := observe(t, target)[report.Values]
			want := report.OK
			if tt.found > 0 {
				want = report.Warn
			}
			if got.Status != want || got.Value == nil || *got.Value != tt.found || !strings.Contains(got.Evidence, tt.says) {
				t.Errorf("values = %+v, want %v found", got, tt.found)
			}
		})
	}
}

func TestValuesKeepToTheirBudget(t *testing.T) {
	target, server := sampler(t)
	target.Database.Checks.Isolation.Enabled = false
	pairs := map[string]string{}
	for i := range 500 {
		pairs[fmt.Sprintf("ws:%d:a", i)] = "{}"
	}
	fill(t, server, pairs)
	before := server.Commands()
	got := observe(t, target)[report.Values]
	if n := server.Commands() - before; n > 30 || n < 25 || got.Status != report.OK {
		t.Errorf("%d commands, want at most 30: %+v", n, got)
	}
}

func TestAPatternNeverShowsAKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(
			rapid.StringMatching(`[a-z]{1,30}(:[a-z0-9@.-]{1,20}){0,3}`), rapid.StringMatching(`(sk|AX)[A-Za-z0-9]{8,40}`), rapid.String(),
		).Draw(t, "key")
		got := check.Family(key)
		if key != "" && got == key && got != "*" && !strings.HasSuffix(key, "*") {
			t.Fatalf("the pattern of %q is the key", key)
		}
		if _, rest, several := strings.Cut(key, ":"); several && len(rest) > 2 && strings.Contains(got, rest) {
			t.Fatalf("the pattern of %q is %q, which holds more than its first segment", key, got)
		}
	})
}

// targetOf is a Metrics target whose database answers each command by reply.
func targetOf(t *testing.T, reply func(command []any) string) *check.Target {
	return target(t, report.Metrics, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/pipeline" {
			var commands [][]any
			_ = json.NewDecoder(r.Body).Decode(&commands)
			items := make([]string, len(commands))
			for i, c := range commands {
				items[i] = `{"result":` + reply(c) + `}`
			}
			answer(http.StatusOK, "["+strings.Join(items, ",")+"]")(w, r)
			return
		}
		var command []any
		_ = json.NewDecoder(r.Body).Decode(&command)
		if command[0] == "INFO" {
			answer(http.StatusOK, `{"result":""}`)(w, r)
			return
		}
		answer(http.StatusOK, `{"result":`+reply(command)+`}`)(w, r)
	})
}

// A sample outside the runs judges as the checks do, tells its commands, and keeps to
// its own bound whatever the configuration allows.
func TestASampleTellsItsCommands(t *testing.T) {
	target, s := sampler(t)
	pairs := map[string]string{}
	for i := range 40 {
		pairs[fmt.Sprintf("sessions:%d", i)] = "[object Object]"
	}
	fill(t, s, pairs)
	for _, most := range []int{3, 10} {
		for _, name := range []report.Check{report.Isolation, report.Values} {
			before := s.Commands()
			o, commands := target.SampleKeys(t.Context(), name, most)
			if used := s.Commands() - before; int64(commands) != used || commands > most {
				t.Errorf("%s with at most %d: says %d commands, the server counted %d", name, most, commands, used)
			}
			if o.Status != report.Warn || o.Check != name || o.Database != target.Database.Name {
				t.Errorf("%s: %+v, want a warning", name, o)
			}
		}
	}
}
