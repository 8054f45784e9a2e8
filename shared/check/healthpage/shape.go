package healthpage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// How much of a page's shape is shown.
const (
	maxShape    = 110 // bytes
	shapeDepth  = 4
	maxKey      = 24 // bytes of one key
	maxPath     = 60 // bytes of a suggested path
	suggestPath = "$.PATH.TO.REDIS"
)

// Shape returns the keys of a page without its values: {checks{db{status}}, status}. A
// page that is no JSON object or list has none.
func Shape(body []byte) string {
	page, ok := parse(body)
	if !ok || !composed(page) {
		return ""
	}
	var b strings.Builder
	shape(&b, page, shapeDepth)
	if b.Len() > maxShape {
		return strings.ToValidUTF8(b.String()[:maxShape], "") + "…"
	}
	return b.String()
}

func shape(b *strings.Builder, value any, depth int) {
	switch value := value.(type) {
	case map[string]any:
		b.WriteByte('{')
		for i, key := range slices.Sorted(maps.Keys(value)) {
			if b.Len() > maxShape {
				break
			}
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(clip(key))
			if depth > 1 {
				shape(b, value[key], depth-1)
			}
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		if len(value) > 0 && depth > 1 {
			shape(b, value[0], depth-1)
		}
		b.WriteByte(']')
	}
}

func clip(key string) string {
	if len(key) <= maxKey {
		return key
	}
	return strings.ToValidUTF8(key[:maxKey], "") + "…"
}

// Suggestion returns an app.match to paste: with the path of the key that looks most like
// the state of a Redis, and words that the reader replaces.
func Suggestion(body []byte) string {
	best, rank := suggestPath, 0
	var walk func(path string, value any, depth int)
	walk = func(path string, value any, depth int) {
		object, _ := value.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if at := path + step(key); len(at) > maxPath || depth == 0 {
				continue
			} else if composed(object[key]) {
				walk(at, object[key], depth-1)
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

// likely ranks a key by how likely it tells the state of Redis.
func likely(path, key string) int {
	r := 0
	if k := compact(key); statusKeys[k] || identityKeys[k] && k != "name" || stateFlags[k] || mockFlags[k] {
		r++
	}
	for _, part := range []string{"redis", "upstash", "cache", "kv", "session"} {
		if strings.Contains(strings.ToLower(path), part) {
			r += 2
			break
		}
	}
	return r
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
