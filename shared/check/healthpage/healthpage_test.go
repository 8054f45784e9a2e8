package healthpage_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/check/healthpage"
)

var modes = map[healthpage.Mode]string{
	healthpage.Unclear: "unclear", healthpage.Connected: "connected", healthpage.Failing: "failing", healthpage.Mock: "mock",
}

// fixture is one page with its verdict and the reason.
type fixture struct{ archive, verdict, reason, page string }

var heading = regexp.MustCompile(`(?m)^-- (\w+): (.+) --\n`)

// fixtures reads the pages under testdata/pages. Each archive names its source.
func fixtures(t testing.TB) []fixture {
	t.Helper()
	archives, err := filepath.Glob("testdata/pages/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var out []fixture
	for _, archive := range archives {
		content, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		at := heading.FindAllStringSubmatchIndex(text, -1)
		if len(at) == 0 || !strings.Contains(text[:at[0][0]], "Source: ") {
			t.Errorf("%s has no pages, or names no source", archive)
		}
		for i, m := range at {
			end := len(text)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			out = append(out, fixture{strings.TrimSuffix(filepath.Base(archive), ".txtar"), text[m[2]:m[3]], text[m[4]:m[5]], text[m[1]:end]})
		}
	}
	return out
}

func TestPages(t *testing.T) {
	pages := fixtures(t)
	if len(pages) < 60 {
		t.Errorf("%d pages, want at least 60", len(pages))
	}
	for _, f := range pages {
		t.Run(f.archive+"/"+f.reason, func(t *testing.T) {
			v := healthpage.Read([]byte(f.page), nil)
			if modes[v.Mode] != f.verdict {
				t.Errorf("%s is %s (%s), want %s", f.page, modes[v.Mode], v.Said, f.verdict)
			}
			if (v.Said == "") != (v.Mode == healthpage.Unclear) {
				t.Errorf("%s said %q", modes[v.Mode], v.Said)
			}
		})
	}
}

// others are components that are not Redis, in every state that would mean something of
// Redis.
func others() *rapid.Generator[map[string]any] {
	names := rapid.SampledFrom([]string{"email", "postgres", "Payments", "s3", "diskSpace", "queue-worker", "db:responseTime", "smtp_mock", "cachet", "predis", "memory", "session"})
	words := rapid.SampledFrom([]string{"mock", "connected", "up", "DOWN", "in-memory", "fakeredis", "redis", "error", "Healthy", "pass", "working"})
	value := rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return words.Draw(t, "word")
		case 1:
			return rapid.Bool().Draw(t, "flag")
		case 2:
			return []any{map[string]any{"status": words.Draw(t, "status"), "componentType": words.Draw(t, "type")}}
		}
		return map[string]any{
			"status": words.Draw(t, "status"), "mode": words.Draw(t, "mode"), "client": words.Draw(t, "client"),
			"mock": rapid.Bool().Draw(t, "mock"), "details": map[string]any{"redis": map[string]any{"status": words.Draw(t, "inner")}},
		}
	})
	return rapid.MapOfN(names, value, 1, 4)
}

// add puts components into the place where the page keeps its own.
func add(page any, components map[string]any) any {
	switch page := page.(type) {
	case []any:
		for _, name := range slices.Sorted(maps.Keys(components)) {
			item := map[string]any{"status": components[name]}
			if object, ok := components[name].(map[string]any); ok {
				item = maps.Clone(object)
			}
			item["name"] = name
			page = append(page, item)
		}
		return page
	case map[string]any:
		for _, key := range []string{"components", "details", "info", "checks", "entries", "Entries", "results", "checkResults", "services", "dependencies"} {
			if inner, ok := page[key]; ok {
				page[key] = add(inner, components)
				return page
			}
		}
		maps.Copy(page, components)
		return page
	}
	return page
}

func TestOtherComponentsNeverChangeTheVerdict(t *testing.T) {
	pages := slices.DeleteFunc(fixtures(t), func(f fixture) bool { return !json.Valid([]byte(f.page)) || strings.TrimSpace(f.page)[0] == '"' })
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(pages).Draw(t, "page")
		var page any
		if err := json.Unmarshal([]byte(f.page), &page); err != nil {
			t.Fatal(err)
		}
		before := healthpage.Read([]byte(f.page), nil)
		grown, err := json.Marshal(add(page, others().Draw(t, "others")))
		if err != nil {
			t.Fatal(err)
		}
		after := healthpage.Read(grown, nil)
		if after != before {
			t.Errorf("%s: %s is %s (%s); with other components, %s, it is %s (%s)", f.reason, f.page, modes[before.Mode], before.Said, grown, modes[after.Mode], after.Said)
		}
	})
}

func TestMatch(t *testing.T) {
	page := `{"deps":[{"id":"kv","driver":"Upstash"},{"id":"mail","driver":"mock"}],"ready":true,"level":2,"status":"mock","nested":{"a":{"b":1}}}`
	for _, tt := range []struct {
		name, path      string
		connected, mock []string
		want            string
	}{
		{"a word for connected, in any case", `$.deps[0].driver`, []string{"upstash"}, nil, "connected"},
		{"a word for mock", `$.deps[?@.id=='kv'].driver`, []string{"redis"}, []string{"UPSTASH"}, "mock"},
		{"any other word is neither", `$.deps[0].driver`, []string{"redis"}, []string{"memory"}, "failing"},
		{"a fake needs no word", `$.deps[1].driver`, []string{"redis"}, nil, "mock"},
		{"but a word for connected is the user's", `$.deps[1].driver`, []string{"mock"}, nil, "connected"},
		{"mock weighs most of several values", `$.deps[*].driver`, []string{"upstash"}, []string{"mock"}, "mock"},
		{"a flag", `$.ready`, []string{"true"}, []string{"false"}, "connected"},
		{"a number", `$.level`, []string{"2"}, nil, "connected"},
		{"an object is no word, so the contract is read", `$.nested`, []string{"x"}, nil, "mock"},
		{"nothing is found, so the contract is read", `$.nowhere`, []string{"x"}, nil, "mock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := healthpage.NewMatch(tt.path, tt.connected, tt.mock)
			if err != nil {
				t.Fatal(err)
			}
			if v := healthpage.Read([]byte(page), m); modes[v.Mode] != tt.want {
				t.Errorf("%s (%s), want %s", modes[v.Mode], v.Said, tt.want)
			}
		})
	}
	m, err := healthpage.NewMatch("$.ready", []string{" true"}, []string{"True"})
	if v := healthpage.Read([]byte(page), m); err != nil || v != (healthpage.Verdict{Mode: healthpage.Mock, Said: `$.ready "true"`, Component: true}) {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := healthpage.NewMatch("deps.driver", nil, nil); err == nil {
		t.Error("a path that does not begin with $ is accepted")
	}
}

func TestBounds(t *testing.T) {
	redis := `{"redis":{"status":"up"}}`
	nested := func(n int) string { return strings.Repeat(`{"data":`, n) + redis + strings.Repeat("}", n) }
	for _, tt := range []struct {
		name, page string
		want       healthpage.Mode
	}{
		{"the deepest page", nested(29), healthpage.Connected},
		{"a page that is too deep", nested(30), healthpage.Unclear},
		{"the largest page", redis + strings.Repeat(" ", healthpage.MaxBytes-len(redis)), healthpage.Connected},
		{"a page that is too large", redis + strings.Repeat(" ", healthpage.MaxBytes-len(redis)+1), healthpage.Unclear},
	} {
		if v := healthpage.Read([]byte(tt.page), nil); v.Mode != tt.want {
			t.Errorf("%s is %s, want %s", tt.name, modes[v.Mode], modes[tt.want])
		}
	}
	if v := healthpage.Read([]byte(`{"redis":"mock `+strings.Repeat("x", 100)+`"}`), nil); len(v.Said) > 90 {
		t.Errorf("%d bytes are quoted", len(v.Said))
	}
}

func TestShape(t *testing.T) {
	for _, tt := range []struct{ page, shape, suggestion string }{
		{`{"status":"secret","uptime":12}`, `{status, uptime}`, `$.status`},
		{`{"svc":{"kv":{"driver":"secret"}},"status":"ok"}`, `{status, svc{kv{driver}}}`, `$.svc.kv.driver`},
		{`{"deps":[{"a":"secret","b":["secret"]}]}`, `{deps[{a, b[]}]}`, `$.PATH.TO.REDIS`},
		{`{"ok":true,"store":"secret","time":1}`, `{ok, store, time}`, `$.store`},
		{`{"session store":{"state":"x"}}`, `{session store{state}}`, `$['session store'].state`},
		{`{"a":{"b":{"c":{"d":{"e":1}}}}}`, `{a{b{c{d}}}}`, `$.PATH.TO.REDIS`},
		{`{"` + strings.Repeat("k", 40) + `":1}`, `{` + strings.Repeat("k", 24) + `…}`, `$.PATH.TO.REDIS`},
		{`{"` + strings.Repeat("s", 51) + `":{"status":1}}`, `{` + strings.Repeat("s", 24) + `…{status}}`, `$.` + strings.Repeat("s", 51) + `.status`},
		{`{"` + strings.Repeat("s", 52) + `":{"status":1}}`, `{` + strings.Repeat("s", 24) + `…{status}}`, `$.PATH.TO.REDIS`},
		{`"text"`, ``, `$.PATH.TO.REDIS`},
		{`<html>`, ``, `$.PATH.TO.REDIS`},
	} {
		if got := healthpage.Shape([]byte(tt.page)); got != tt.shape {
			t.Errorf("shape of %s is %q, want %q", tt.page, got, tt.shape)
		}
		want := fmt.Sprintf("match: {path: %q, connected: [WORD], mock: [WORD]}", tt.suggestion)
		if got := healthpage.Suggestion([]byte(tt.page)); got != want {
			t.Errorf("suggestion for %s is %s, want %s", tt.page, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, page := range fixtures(f) {
		f.Add([]byte(page.page), "$..status")
	}
	f.Add([]byte("\xff[[[[{}"), "$[?@.a]")
	f.Fuzz(func(t *testing.T, page []byte, path string) {
		v := healthpage.Read(page, nil)
		if v != healthpage.Read(page, nil) {
			t.Error("the same page has two verdicts")
		}
		if (v.Said == "") != (v.Mode == healthpage.Unclear) {
			t.Errorf("verdict %d says %q", v.Mode, v.Said)
		}
		if n := len(healthpage.Shape(page)); n > 120 {
			t.Errorf("a shape of %d bytes", n)
		}
		healthpage.Suggestion(page)
		if open, said := healthpage.LimiterOpen(page); open && !said {
			t.Error("a limiter is open of which nothing is said")
		}
		if len(path) > 40 || strings.Count(path, "..") > 1 {
			return // the configuration refuses longer ones
		}
		if m, err := healthpage.NewMatch(path, []string{"up"}, []string{"mock"}); err == nil {
			healthpage.Read(page, m)
		}
	})
}

func TestWhatOtherPagesSay(t *testing.T) {
	for page, want := range map[string]string{
		`{"redis":{"mode":"mock"}}`: "mock",
		`{"mode":"real"}`:           "unclear",
		`{"isMock":"true"}`:         "unclear",
		`{"status":"ok","redis":{"connected":true,"mock":false}}`:                              "connected",
		`{"redis":{"driver":"upstash","status":"down"}}`:                                       "failing",
		`{"features":{"mode":"mock"},"status":"connected"}`:                                    "connected",
		`{"services":[{"name":"cache","status":"up"}]}`:                                        "connected",
		`{"services":[{"name":"redis","status":"down"}]}`:                                      "failing",
		`{"redis":{"status":"up"},"status":"down"}`:                                            "connected",
		`{"status":"connected","redis":true}`:                                                  "connected",
		`{"status":"connected","redis":false}`:                                                 "failing",
		`{"redis":{"fallback":true}}`:                                                          "mock",
		`{"redis":{"mock":"true"}}`:                                                            "mock",
		`{"redis":{"fallback":"memory","status":"up"}}`:                                        "connected",
		`{"fallback":true}`:                                                                    "unclear",
		`{"usesMockRedis":true}`:                                                               "mock",
		`{"mock_redis":"off"}`:                                                                 "connected",
		`{"mock_redis":"on"}`:                                                                  "mock",
		`{"fakeredis":{"enabled":false}}`:                                                      "unclear",
		`{"fakeredis":[]}`:                                                                     "unclear",
		`{"connected":"true"}`:                                                                 "unclear",
		`{"redis":{"backend":"in-memory"}}`:                                                    "mock",
		`{"redis":{"backend":"upstash"}}`:                                                      "connected",
		`{"redis":{"backend":"ioredis"}}`:                                                      "unclear",
		`{"redis":{"driver":"upstash","error":"timeout"}}`:                                     "failing",
		`{"redis":{"status":"up","error":"the last one"}}`:                                     "connected",
		`{"redis":{"mock":false}}`:                                                             "connected",
		`{"redis":{"connected":false,"mock":false}}`:                                           "failing",
		`{"redis":{"status":"purple","nodes":[{"status":"up"}]}}`:                              "unclear",
		`{"redis":{"cluster":{"client":"MockRedis"}}}`:                                         "mock",
		`{"redis":{"status":"up","persistence":{"mode":"memory"}}}`:                            "connected",
		`{"redis":{"status":"up","client":"redis-memory-server"}}`:                             "mock",
		`{"redis":{"status":"up","client":"hammock"}}`:                                         "connected",
		`{"redis":{"status":"up","client":"non-memory store"}}`:                                "connected",
		`{"redis":{"status":"up","client":"null_store"}}`:                                      "mock",
		`{"redis":{"status":"up","client":"FAKERedis"}}`:                                       "mock",
		`{"redis_memory":{"status":"ok"}}`:                                                     "connected",
		`{"In-memory cache":"up","redis":"down"}`:                                              "failing",
		`{"cache":{"status":"up","type":"memcached"}}`:                                         "unclear",
		`{"redis":{"status":"up","type":"database"}}`:                                          "connected",
		`{"redis":["ok"]}`:                                                                     "unclear",
		`{"redis":null,"upstash":1}`:                                                           "unclear",
		`{"isRedisConnected":true}`:                                                            "connected",
		`{"a":{"b":{"c":{"status":"mock"}}}}`:                                                  "unclear",
		`{"storage":{"entries":[{"name":"redis","status":"mock"}]}}`:                           "mock",
		`{"storage":{"checks":[{"name":"redis","status":"mock"}]}}`:                            "unclear",
		`{"checks":[{"label":"api","id":"redis","status":"mock"}]}`:                            "unclear",
		`{"checks":[{"redis":"mock"}]}`:                                                        "mock",
		`{"redis":{"status":"up","nodes":[{"client":"MockRedis"}]}}`:                           "mock",
		`{"mode":"maintenance","mock":false}`:                                                  "connected",
		`{"mock_redis":{"active":false}}`:                                                      "unclear",
		`{"HTTPRedisCheck":"up","HTTPREDISCHECK":"down"}`:                                      "connected",
		`{"redis":{"isReady":true}}`:                                                           "connected",
		`{"redis":{"status":true}}`:                                                            "connected",
		`{"redis":{"health":"green"}}`:                                                         "unclear",
		`{"redis":{"health":"ok"}}`:                                                            "connected",
		`{"redis":{"result":"PONG"}}`:                                                          "connected",
		`{"redis":{"result":"mock"}}`:                                                          "mock",
		`{"REDIS_URL":"ok","redis-host":"up","cacheVersion":"live"}`:                           "unclear",
		`{"UPSTASH_REDIS_REST_URL":true}`:                                                      "unclear",
		`{"cache":{"status":"ok","type":"lru-cache"}}`:                                         "unclear",
		`{"checks":{"0":{"name":"redis","status":"up"},"1":{"name":"email","status":"mock"}}}`: "connected",
		`{"checks":{"redis":{"name":"email","status":"up"}}}`:                                  "connected",
		`{"checks":[{"componentName":"redis","status":"up"}]}`:                                 "connected",
		`{"checks":[{"resource":"redis","status":"up"}]}`:                                      "connected",
		`{"checks":[{"type":"redis","status":"up"}]}`:                                          "connected",
		`{"checks":[{"type":"redis","name":"sessions","status":"up"}]}`:                        "unclear",
		`{"deps":{"upstash":"ok"}}`:                                                            "connected",
		`12345678901234567890`:                                                                 "unclear",
		strings.Repeat(" ", 30) + `mock`:                                                       "mock",
	} {
		if v := healthpage.Read([]byte(page), nil); modes[v.Mode] != want {
			t.Errorf("%s is %s (%s), want %s", page, modes[v.Mode], v.Said, want)
		}
	}
}

func TestAVerdictSaysWhetherItIsAboutAComponent(t *testing.T) {
	for page, want := range map[string]healthpage.Verdict{
		`{"status":"connected"}`:    {Mode: healthpage.Connected, Said: `status "connected"`},
		`{"mock":true}`:             {Mode: healthpage.Mock, Said: `mock "true"`},
		`{"redis":{"status":"up"}}`: {Mode: healthpage.Connected, Said: `status "up"`, Component: true},
		`{"data":{"cache":"ok"}}`:   {Mode: healthpage.Connected, Said: `cache "ok"`, Component: true},
		`{"mock_redis":{}}`:         {Mode: healthpage.Mock, Said: `component "mock_redis"`, Component: true},
	} {
		if got := healthpage.Read([]byte(page), nil); got != want {
			t.Errorf("%s: %+v, want %+v", page, got, want)
		}
	}
}

func TestWhatIsQuotedHoldsNoHostAndNoSecret(t *testing.T) {
	for page, want := range map[string]string{
		`{"redis":{"status":"error: connect ECONNREFUSED merry-cat.upstash.io:443"}}`:   `status "error"`,
		`{"redis":{"status":"connection refused by merry-cat.upstash.io"}}`:             `status "connection refused by"`,
		`{"redis":{"error":"rediss://default:hunter2@merry-cat.upstash.io:6379 gone"}}`: `error "…"`,
		`{"redis":{"client":"fakeredis.aioredis.FakeRedis"}}`:                           `client "FakeRedis"`,
		`{"redis":{"client":"@acme/redis-mock"}}`:                                       `client "redis-mock"`,
		`{"redis":{"client":"https://u:hunter2@host/mock"}}`:                            `client "mock"`,
		`{"redis":{"status":"Mock Mode"}}`:                                              `status "Mock Mode"`,
	} {
		if v := healthpage.Read([]byte(page), nil); v.Said != want {
			t.Errorf("%s is quoted as %s, want %s", page, v.Said, want)
		}
	}
}

func TestTheContractPageIsTrue(t *testing.T) {
	page, err := os.ReadFile("../../../docs/mock-mode.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| page | read as |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	found := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		want, _, _ := strings.Cut(strings.TrimSpace(cells[2]), ":")
		for i, example := range strings.Split(cells[1], "`") {
			if i%2 == 0 {
				continue // between the examples
			}
			found++
			if v := healthpage.Read([]byte(example), nil); modes[v.Mode] != want {
				t.Errorf("%s is read as %s, the page says %s", example, modes[v.Mode], want)
			}
		}
	}
	if found < 14 {
		t.Errorf("%d examples found", found)
	}
}
