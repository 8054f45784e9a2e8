package top

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// patterns runs commands through a sampler, and returns the patterns that it shows.
func patterns(keys ...string) []string {
	s := newSampler()
	for _, k := range keys {
		s.add(event{client: "10.0.0.1:1", args: []string{"GET", k}})
	}
	var out []string
	for _, r := range s.result(time.Second).Rows {
		out = append(out, r.Pattern)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// many returns keys in which %s is each of so many values.
func many(format string, n int, value func(int) string) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(format, value(i)))
	}
	return out
}

func TestKeysAreFoldedToPatterns(t *testing.T) {
	number := func(i int) string { return fmt.Sprint(1000 + i) }
	name := func(i int) string {
		return string([]byte{byte('b' + i%20), 'a', byte('b' + i/20%20), 'o', 'n'})
	}
	tests := []struct {
		name string
		keys []string
		want string
	}{
		{"numbers", many("user:%s", 20, number), "user:*"},
		{"an identifier in the middle", many("ws:%s:session:abc123", 20, number), "ws:*:session:*"},
		{"a uuid", []string{"cart:0b9c7c1e-9d0b-4a58-b5f2-1f0f0a3f5e11"}, "cart:*"},
		{"a hash", []string{"cache:page:da39a3ee5e6b4b0d3255bfef95601890afd80709"}, "cache:page:*"},
		{"a hexadecimal word", []string{"cache:deadbeef:items"}, "cache:*:items"},
		{"an email address", []string{"login:ann@example.com:count"}, "login:*:count"},
		{"an address of the network", many("rl:203.0.113.7:%s", 5, number), "rl:*"},
		{"a queue, although its name is a word", []string{"bull:emails:wait"}, "bull:*:wait"},
		{"many queues", many("bull:%s:marker", 20, name), "bull:*:marker"},
		{"braces that keep keys together", []string{"{bull}:emails:wait"}, "{bull}:*:wait"},
		{"users by name", many("user:%s:profile", 50, name), "user:*:profile"},
		{"one user by name, who may be the only one", []string{"user:alice:profile"}, "user:*:profile"},
		{"names in the first place", many("%s:inbox:7", 50, name), "*:inbox:*"},
		{"a word of the app's own with many keys behind it", many("shop:basket:%s", 20, number), "shop:basket:*"},
		{"a word of the app's own with one key", []string{"shop:basket:7"}, "shop:*"},
		{"words to the end", []string{"config:flags"}, "config:*"},
		{"words of the app's own to the end", []string{"shop:global:pricing"}, "shop:*"},
		{"one word", []string{"leaderboard"}, "lea*"},
		{"one short word", []string{"hits"}, "*"},
		{"no word", []string{"x7Gq2"}, "*"},
		{"the limiter's own prefix", many("@upstash/ratelimit:%s:29380", 20, number), "@upstash/ratelimit:*"},
		{"dashes where there is no colon", many("celery-task-meta-%s", 20, number), "celery-task-meta-*"},
		{"underscores", many("sess_%s", 20, number), "sess_*"},
		{"a pattern of KEYS", []string{"user:*"}, "user:*"},
		{"very many segments", []string{"cache:" + strings.Repeat("page:", 40) + "7"}, "cache:page:page:page:page:page:page:*"},
		{"bytes", []string{"\x00\xff:\n"}, "*"},
		{"an empty first segment", []string{":session:7"}, "*:session:*"},
	}
	for _, tt := range tests {
		if got := patterns(tt.keys...); !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// No key is shown whole, and what is shown of it is a known word or looks like one.
func TestNoKeyIsShownWhole(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		segment := rapid.OneOf(rapid.StringMatching(`[a-zA-Z]{1,24}`), rapid.StringMatching(`[a-z0-9_-]{1,40}`), rapid.SampledFrom([]string{"bull", "wait", "user", "health"}), rapid.String())
		separator := rapid.SampledFrom([]string{":", "/", ".", "-", "_", ""}).Draw(r, "separator")
		keys := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) string {
			return strings.Join(rapid.SliceOfN(segment, 1, 6).Draw(r, "segments"), separator)
		}), 1, 30).Draw(r, "keys")
		for _, p := range patterns(keys...) {
			if p != "" && !strings.Contains(p, any) {
				r.Errorf("%q has no fold", p)
			}
			for s := range strings.FieldsFuncSeq(p, func(c rune) bool { return strings.ContainsRune(separators, c) || c == '*' }) {
				if !isWord(s) && len(s) > 3 && !known[plain(s)] && !strings.Contains("@upstash", s) {
					r.Errorf("%q of %q is shown", s, p)
				}
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	const perSecond = 5000
	w := slices.Sorted(maps.Keys(known))
	tests := []struct {
		name    string
		seconds int
		key     func(int) string
	}{
		{"a key for each command", 60, func(i int) string { return fmt.Sprintf("session:%08x", i*2654435761) }},
		{"names that look like words", 12, func(i int) string { return letters(i) + ":" + letters(i/7) + ":cart" }},
		{"words in every place", 12, func(i int) string {
			return strings.Join([]string{letters(i), letters(i / 2), letters(i / 3), letters(i / 5), "x"}, ":")
		}},
		{"more patterns than rows, all of known words", 12, func(i int) string {
			return strings.Join([]string{w[i%len(w)], w[i/len(w)%len(w)], w[i/3%len(w)], "x"}, ":")
		}},
	}
	for _, tt := range tests {
		before := heap()
		s := newSampler()
		for i := range perSecond * tt.seconds {
			value := "v"
			if i < 20_000 { // long enough for a row that keeps its line to be seen
				value = strings.Repeat("v", 8<<10)
			}
			e, ok := parse(fmt.Sprintf(`%d.%06d [0 10.%d.%d.1:%d] "SET" "%s" "%s"`, i/perSecond, i%perSecond*200, i%250, i/250%250, i%60000, tt.key(i), value), false)
			if !ok {
				t.Fatal("a line cannot be read")
			}
			s.add(e)
		}
		if len(s.rows) > maxRows || len(s.wide) > maxRows+maxSegments || len(s.clients) > maxClients+1 {
			t.Errorf("%s: %d rows, %d places, %d clients", tt.name, len(s.rows), len(s.wide), len(s.clients))
		}
		if grown := heap() - before; grown > 4<<20 {
			t.Errorf("%s: %d bytes are kept", tt.name, grown)
		}
		r := s.result(time.Minute)
		if r.Commands != int64(perSecond*tt.seconds) {
			t.Errorf("%s: %d commands are counted", tt.name, r.Commands)
		}
	}
}

// heap returns the bytes that are in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// letters returns another word for each number.
func letters(i int) string {
	var b []byte
	for i = i*7919 + 1; i > 0; i /= 16 {
		b = append(b, "bcdfghjklmnpqrst"[i%16], 'a')
	}
	return string(b)
}
