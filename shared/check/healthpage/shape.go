package healthpage

import (
	"fmt"
	"strings"

	"github.com/pongwatch/pongwatch/shared/text"
)

// How much of a page's shape is shown.
const (
	maxShape    = 113 // bytes, with the mark of a cut
	shapeDepth  = 4
	maxKey      = 27 // bytes of one key, with that mark
	maxPath     = 60 // bytes of a suggested path
	suggestPath = "$.PATH.TO.REDIS"
)

// Shape returns the keys of a page without its values: {checks{db{status}}, status}. A
// page that is no JSON object or list has none.
func Shape(body []byte) string {
	page, ok := parse(body)
	if !ok {
		return ""
	}
	return text.ClipBytes(shape(page, shapeDepth), maxShape)
}

func shape(value any, depth int) string {
	if depth == 0 {
		return ""
	}
	switch value := value.(type) {
	case map[string]any:
		var keys []string
		for key, child := range fields(value) {
			keys = append(keys, text.ClipBytes(key, maxKey)+shape(child, depth-1))
		}
		return "{" + strings.Join(keys, ", ") + "}"
	case []any:
		if len(value) > 0 {
			return "[" + shape(value[0], depth-1) + "]"
		}
		return "[]"
	}
	return ""
}

// Suggestion returns an app.match to paste: with the path of the key that looks most like
// the state of a Redis, and words that the reader replaces.
func Suggestion(body []byte) string {
	best, rank := suggestPath, 0
	var walk func(path string, value any, depth int)
	walk = func(path string, value any, depth int) {
		for key, child := range fields(value) {
			if at := path + step(key); len(at) > maxPath || depth == 0 {
				continue
			} else if composed(child) {
				walk(at, child, depth-1)
			} else if r := likely(at, key); r > rank {
				best, rank = at, r
			}
		}
	}
	if page, ok := parse(body); ok {
		walk("$", page, shapeDepth)
	}
	return fmt.Sprintf("match: {path: %q, connected: [WORD], mock: [WORD]}", best)
}

// likely ranks a key by how likely it tells the state of Redis. Outside of what is named like it,
// what the app uses tells more than how the app is.
func likely(path, key string) int {
	k := compact(key)
	for _, part := range []string{"redis", "upstash", "cache", "kv", "session"} {
		if strings.Contains(strings.ToLower(path), part) {
			if statusKeys[k] || identityKeys[k] || stateFlags[k] || standsIn(key) {
				return 4
			}
			return 3
		}
	}
	switch {
	case identityKeys[k] || standsIn(key):
		return 2
	case statusKeys[k] || stateFlags[k]:
		return 1
	}
	return 0
}

// step returns the key as a segment of a JSONPath.
func step(key string) string {
	for i, r := range key {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(key) + "']"
		}
	}
	return "." + key
}
