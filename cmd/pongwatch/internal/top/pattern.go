package top

import (
	"math/bits"
	"strings"
)

const (
	// any stands for what a pattern does not say.
	any = "*"
	// separators divide a key: the first of them that it contains.
	separators = ":/|#.-_"
	// maxSegments bounds the segments of a pattern. Those behind are one.
	maxSegments = 8
	// maxSiblings and maxNames are how many words a segment may have in one place; the first
	// segment of a key, which is usually a name of the app's own, may have more. With more of
	// them they are taken for identifiers.
	maxSiblings = 8
	maxNames    = 32
	// minKeys is how many keys show that a word inside of them is no identifier.
	minKeys = 4
)

// known are words of keys that are no identifiers: those of libraries, and common ones.
var known = words(`@upstash/ratelimit @upstash/analytics bull marker wait waiting active delayed prioritized paused completed failed
	stalled stalled-check meta events limiter repeat pc priority waiting-children rl ratelimit rate-limit rate_limit rate limit throttle ip
	user users session sessions sess account accounts auth token tokens cache lock locks queue queues job jobs task tasks count counter
	counters stats config settings flags feature features profile cart carts order orders product products item items page pages api
	list set hash index data state status lease online presence room rooms channel message messages notification notifications ws org orgs
	tenant team teams workspace workspaces project projects leaderboard rank ranks views view search result results celery sidekiq resque
	stream streams dedup dedupe idempotency webhook webhooks email emails _pongwatch ` + healthWords)

// healthWords are the names of keys with which an app tries whether Redis works.
const healthWords = "health healthz healthcheck health-check health_check heartbeat ping pong alive liveness ready readiness canary probe uptime"

var isHealth = words(healthWords)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// plain is a segment as the tables have it: "{bull}" is "bull".
func plain(segment string) string { return strings.ToLower(strings.Trim(segment, "{}")) }

// outline returns the segments of a key with "*" for each that does not look like a word, for the
// last one unless it is known, and for at least one. by is what divides them.
func outline(key string) (segments []string, by string, health bool) {
	if i := strings.IndexAny(separators, key); i >= 0 {
		by = separators[i : i+1]
	}
	if by == "" {
		word := isWord(key)
		if health = isHealth[plain(key)]; word && len(key) >= 6 {
			return []string{key[:3] + any}, "", health
		}
		return []string{any}, "", health
	}
	segments = strings.SplitN(key, by, maxSegments+1)
	if len(segments) > maxSegments {
		segments = segments[:maxSegments]
		segments[maxSegments-1] = any
	}
	last, folded := len(segments)-1, false
	for i, s := range segments {
		health = health || isHealth[plain(s)]
		if !known[plain(s)] && (i == last || !isWord(s)) {
			segments[i], folded = any, true
		}
	}
	if last > 1 && plain(segments[0]) == "bull" {
		segments[1], folded = any, true // the queue's name
	}
	for i := 1; i < last && !folded; i++ {
		if !known[plain(segments[i])] {
			segments[i], folded = any, true
		}
	}
	if !folded {
		segments[last] = any
	}
	return segments, by, health
}

// isWord reports whether a segment looks like a name that a programmer gave: letters, at most two
// words, and nothing like a random identifier or a hash.
func isWord(s string) bool {
	if len(s) < 2 || len(s) > 20 {
		return false
	}
	var joints, changes, vowels int
	for i := range len(s) {
		c, previous := s[i], byte('_')
		if i > 0 {
			previous = s[i-1]
		}
		lower, upper := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z'
		switch {
		case c == '-' || c == '_':
			if joints++; i == 0 || i == len(s)-1 {
				return false
			}
		case !lower && !upper:
			return false
		case upper && previous >= 'a' && previous <= 'z':
			changes++
		}
		if strings.IndexByte("aeiouyAEIOUY", c) >= 0 {
			vowels++
		}
	}
	hexadecimal := len(s) >= 6 && strings.Trim(s, "abcdefABCDEF") == ""
	return joints <= 1 && changes <= 2 && !hexadecimal && (vowels > 0 || len(s) <= 4)
}

// show joins segments. Neighbours that say nothing are one.
func show(segments []string, by string) string {
	var out []string
	for _, s := range segments {
		if s != any || len(out) == 0 || out[len(out)-1] != any {
			out = append(out, s)
		}
	}
	return strings.Join(out, by)
}

// place is where siblings of a segment stand: behind the same beginning.
func place(segments []string, by string, depth int) string {
	return by + "\x00" + strings.Join(segments[:depth], by)
}

// settle folds words that turn out to be identifiers: of those with too many siblings wide keeps the
// place. With final it also folds a word inside of too few keys, which may be an identifier too.
func settle(rows []*row, wide map[string]bool, final bool) {
	for depth := range maxSegments {
		siblings := map[string]map[string]uint64{}
		each := func(act func(r *row, at, word string)) {
			for _, r := range rows {
				if depth < len(r.segments) && r.segments[depth] != any && !known[plain(r.segments[depth])] {
					act(r, place(r.segments, r.by, depth), r.segments[depth])
				}
			}
		}
		each(func(r *row, at, word string) {
			if siblings[at] == nil {
				siblings[at] = map[string]uint64{}
			}
			siblings[at][word] |= r.keys
		})
		most := maxSiblings
		if depth == 0 {
			most = maxNames
		}
		each(func(r *row, at, word string) {
			if len(siblings[at]) > most && len(wide) < maxRows {
				wide[at] = true
			}
			few := depth > 0 && bits.OnesCount64(siblings[at][word]) < minKeys
			if len(siblings[at]) > most || final && few {
				r.segments[depth] = any
			}
		})
	}
}
