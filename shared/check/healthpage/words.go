package healthpage

import (
	"slices"
	"strings"
	"unicode"
)

// The words by which components describe their state, in the form of compact.
var (
	goodWords = set("connected ok okay up healthy ready pong available pass passed passing working success successful active online alive reachable operational good serving normal checkresultok")
	// realWords are what an app uses that uses no mock.
	realWords = set("real live redis upstash")
	// mockWords are the states and the stores of an app that keeps in its memory what belongs
	// in Redis. The second line has Django's, Laravel's, Flask's and Spring's.
	mockWords = set(`mock mocked mockmode mockmodeactive fake faked stub stubbed dummy simulated inmemory memory localmemory inprocess fallback fallbackmode memoryfallback
		locmem array simplecache nullcache concurrentmapcache concurrentmapcachemanager noopcachemanager`)
	// otherStores keep a cache elsewhere than in Redis, so that its state says nothing of Redis.
	otherStores = set("file files filesystem database db apc apcu memcached memcache dynamodb mongodb octane postgres sqlite lru lrucache nodecache caffeine ehcache guava hazelcast infinispan")
	// settingWords are in the names of settings and figures.
	settingWords = set(`url uri token host hostname port password version key keys ttl hits misses size prefix tls ssl enabled required configured env
		auth cluster sentinel replication persistence eviction policy pubsub fallback backup last previous`)
	// figureWords are in the names of components that watch a figure.
	figureWords = set("usage latency lag")
	// pastWords are in the names of what has been and may be over.
	pastWords = set("last previous prev past history log logs events")
	// flagWords may stand beside redis in the name of a flag that tells its state.
	flagWords = set("is status state connected connection health healthy check ok up ready available alive reachable online working default")

	// troubleWords are of a state that is neither good nor a mock, and troubleRoots begin such words.
	troubleWords = set(`err down econnrefused econnreset enotfound etimedout connecting connect close end wait warn out no not never lost dead bad ko nok
		skipped unknown unable cannot off`)
	troubleRoots = []string{
		"error", "fail", "timeout", "timed", "refus", "unavailable", "unreachable", "disconnect", "unhealthy", "degrad", "problem", "crash", "critical",
		"clos", "reconnect", "start", "stop", "warning", "disab", "broken", "offline", "unexpected", "unauthorized", "exception", "missing", "denied", "maintenance", "pending", "inactive",
	}

	fakeWords = set("mock mocks mocked mocking fake fakes faked stub stubs dummy inmemory simulated noop locmem miniredis birdisle")
	// roots are cut out of names that are written as one word, such as fakeredis.
	roots = strings.NewReplacer("ioredis", "", "upstash", "", "redis", "", "jedis", "", "lettuce", "", "valkey", "", "cache", "", "client", "", "server", "", "manager", "")
	// useWords say that something is in use, and useNouns as what.
	useWords = set("is are in on use uses used using mode active currently running")
	useNouns = set("redis client store cache")
	// offWords say of a fake that it is not in use.
	offWords = map[string]bool{"false": true, "off": true, "no": true, "0": true, "inactive": true, "disabled": true, "": true}
	// spareWords say of a fallback that it is there, and not in use.
	spareWords = set("available enabled disabled off unused standby inactive")
	negations  = set("no non not never without")
)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		out[w] = true
	}
	return out
}

// word reads a text that says how a component is.
func word(key, text string) Verdict {
	v := Verdict{Said: quote(key, text)}
	words := split(text)
	switch {
	case fakeClient(text):
		v.Mode = Mock
	case troubled(text):
		v.Mode = Failing
	case goodWords[compact(text)], realWords[compact(text)], len(words) > 0 && goodWords[words[0]] && !slices.Contains(words, "fallback"):
		v.Mode = Connected
	default:
		return Verdict{}
	}
	return v
}

// troubled reports whether a text says that something is wrong.
func troubled(text string) bool {
	return slices.ContainsFunc(split(text), func(w string) bool {
		return troubleWords[w] || slices.ContainsFunc(troubleRoots, func(root string) bool { return strings.HasPrefix(w, root) })
	})
}

// fakeClient reports whether a client, a driver or a state is named like a stand-in for
// Redis: fakeredis, ioredis-mock, MockRedisClient, memory, ActiveSupport's MemoryStore.
func fakeClient(text string) bool {
	if mockWords[compact(text)] || mockWords[roots.Replace(compact(text))] || fakeName(text) {
		return true
	}
	words := split(text)
	for i, w := range words[:max(len(words)-1, 0)] {
		next, after := words[i+1], words[min(i+2, len(words)-1)]
		own := strings.HasPrefix(after, "data") || after == "key" // Redis is an in-memory database
		if after == "fallback" && slices.ContainsFunc(words[i+2:], func(w string) bool { return spareWords[w] }) {
			return false
		}
		if w == "in" && next == "memory" && !own || (w == "memory" || w == "null") && (next == "store" || next == "cache" || next == "redis") {
			return i == 0 || !negations[words[i-1]]
		}
	}
	return false
}

// standsIn reports whether a flag or an object of that name is about what stands in for Redis:
// mock, isMockMode, usingInMemory, fallback_active. That a fallback is enabled or available says
// nothing of its use.
func standsIn(key string) bool {
	words := split(key)
	used := slices.ContainsFunc(words, func(w string) bool { return useWords[w] })
	rest := slices.DeleteFunc(words, func(w string) bool { return useWords[w] || useNouns[w] })
	switch strings.Join(rest, " ") {
	case "mock", "mocked", "mock enabled", "fake", "fake enabled", "fallback", "inmemory", "mock fallback":
		return true
	case "memory", "memory fallback":
		return used
	}
	return false
}

// fakeName reports whether a word of a name says that what has it stands in for something.
func fakeName(name string) bool {
	words := split(name)
	for i, w := range words {
		if (fakeWords[w] || fakeWords[roots.Replace(w)]) && (i == 0 || !negations[words[i-1]]) {
			return true
		}
	}
	return false
}

// namesRedis reports whether a word of a name is redis or upstash, or a fake of it.
func namesRedis(word string) bool {
	return word == "redis" || word == "upstash" || strings.Contains(word, "redis") && fakeWords[roots.Replace(word)]
}

// split returns the words of a name in lower case: "redisHealthCheck", "redis_health-check"
// and "Redis health check" have the same three.
func split(name string) []string {
	var words []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || unicode.IsUpper(runes[i-1]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			flush()
		}
		word = append(word, r)
	}
	flush()
	return words
}

// compact makes spellings alike: "In-Memory", "in_memory" and "inMemory" are one word.
func compact(text string) string {
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
