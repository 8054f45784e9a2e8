package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mode is what a health page says of the app's Redis.
type mode struct {
	// mock and connected are never both set.
	mock, connected bool
	// said is the words that decided, or the first that did not: a key with its value.
	said string
}

// maxDepth is how deep a health page is looked into.
const maxDepth = 6

// The words of health pages, in the form that [plain] gives them. Those of redisWords
// and redisKeys mean something only where Redis is spoken of.
var (
	mockWords      = []string{"mock", "mocked", "mockmode", "mockredis", "mockmodeactive", "inmemory", "memory", "fallback", "fake"}
	connectedWords = []string{"connected", "real", "live", "redis", "upstash"}
	redisWords     = []string{"ok", "up", "healthy", "ready", "pong", "available", "pass"}

	mockKeys   = []string{"mock", "mockmode", "ismock", "usingmock", "mockactive", "mockmodeactive"}
	statusKeys = []string{"status", "mode", "state", "connection"}
	redisKeys  = []string{"type", "backend", "store", "storage", "driver", "client"}
	memoryKeys = []string{"inmemory", "isinmemory", "fallback", "usingfallback", "fallbackactive"}
	// containers only wrap what they hold: of any other key, what lies below is about
	// something else.
	containers = []string{"data", "result", "details", "checks", "components", "services", "dependencies", "health", "info", "status"}
)

// readMode reads a health page of any of the usual shapes: {"status":"connected"},
// {"redis":{"mode":"mock"}}, {"mock":true}, {"checks":[{"name":"redis","status":"up"}]},
// or the bare word. "mock" anywhere weighs more than "connected"; what is said of Redis
// weighs more than what is said of the whole app.
func readMode(body []byte) mode {
	var page any
	var w witness
	if json.Unmarshal(body, &page) != nil {
		if text := strings.TrimSpace(string(body)); len(text) <= 20 {
			w.word("status", text, false)
		}
		return w.mode()
	}
	w.hear("", page, false, 0)
	return w.mode()
}

// witness collects what a page says.
type witness struct {
	mock string
	// Of Redis, and of the whole.
	redis, whole statement
	notMock      string
}

type statement struct{ connected, other string }

func (w *witness) mode() mode {
	switch {
	case w.mock != "":
		return mode{mock: true, said: w.mock}
	case w.redis.other != "":
		return mode{said: w.redis.other}
	case w.redis.connected != "":
		return mode{connected: true, said: w.redis.connected}
	case w.whole.other != "":
		return mode{said: w.whole.other}
	case w.whole.connected != "":
		return mode{connected: true, said: w.whole.connected}
	case w.notMock != "":
		return mode{connected: true, said: w.notMock}
	}
	return mode{}
}

// hear walks through the page; ofRedis says that the value is about Redis.
func (w *witness) hear(key string, value any, ofRedis bool, depth int) {
	if depth > maxDepth {
		return
	}
	ofRedis = ofRedis || namesRedis(key)
	switch value := value.(type) {
	case map[string]any:
		if depth > 0 && !ofRedis && !slices.Contains(containers, key) {
			return
		}
		if name, ok := value["name"].(string); ok && namesRedis(plain(name)) {
			ofRedis = true
		}
		for _, k := range slices.Sorted(maps.Keys(value)) { // the same page, the same words
			w.hear(plain(k), value[k], ofRedis, depth+1)
		}
	case []any:
		for _, v := range value {
			w.hear(key, v, ofRedis, depth+1)
		}
	case string:
		w.word(key, value, ofRedis)
	case bool:
		w.flag(key, value, ofRedis)
	}
}

func (w *witness) word(key, text string, ofRedis bool) {
	word := plain(text)
	if word == "true" || word == "false" {
		w.flag(key, word == "true", ofRedis)
		return
	}
	speaks := slices.Contains(statusKeys, key) || ofRedis && (slices.Contains(redisKeys, key) || namesRedis(key))
	if !speaks {
		return
	}
	said := quote(key, text)
	about := &w.whole
	if ofRedis {
		about = &w.redis
	}
	switch {
	case slices.Contains(mockWords, word):
		w.mock = said
	case slices.Contains(connectedWords, word), ofRedis && slices.Contains(redisWords, word):
		about.connected = said
	case slices.Contains(redisWords, word), slices.Contains(redisKeys, key):
		// "ok" of the whole app says nothing of Redis, nor does the name of a driver.
	default:
		about.other = said
	}
}

func (w *witness) flag(key string, on, ofRedis bool) {
	said := quote(key, fmt.Sprint(on))
	switch {
	case slices.Contains(mockKeys, key), ofRedis && slices.Contains(memoryKeys, key), namesRedis(key) && strings.Contains(key, "mock"):
		if on {
			w.mock = said
		} else {
			w.notMock = said
		}
	case key == "connected", namesRedis(key):
		about := &w.whole
		if ofRedis {
			about = &w.redis
		}
		if on {
			about.connected = said
		} else {
			about.other = said
		}
	}
}

func namesRedis(key string) bool {
	return strings.Contains(key, "redis") || strings.Contains(key, "upstash")
}

// plain makes spellings alike: "Mock-Mode", "mock_mode" and "mockMode" are one word.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, text)
}

// quote keeps of an app's words what fits into evidence.
func quote(key, text string) string { return fmt.Sprintf("%.40s %.40q", key, text) }
