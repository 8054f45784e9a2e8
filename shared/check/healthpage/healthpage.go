// Package healthpage reads what an app's health page says of the app's Redis. It is pure:
// bytes in, verdict out. It reads a page in three ways and guesses nothing:
//
//   - a [Match] of the configuration, where its path finds something;
//   - the contract of docs/mock-mode.md;
//   - components of the usual formats (Spring Boot Actuator, NestJS Terminus, IETF
//     health+json, ASP.NET Core, MicroProfile, Laravel, Django, OkComputer), of which only
//     those named redis, upstash or cache count.
package healthpage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/theory/jsonpath"

	"github.com/pongwatch/pongwatch/shared/text"
)

const (
	// MaxBytes is the largest page that is read.
	MaxBytes = 64 << 10
	// maxDepth is how deeply a page may be nested.
	maxDepth = 32
)

// Mode is what a page says.
type Mode int

// The modes, in ascending order of weight: of two statements the heavier counts.
const (
	// Unclear says nothing that this package understands.
	Unclear Mode = iota
	Connected
	// Failing says that the app or its Redis is in trouble, so it is neither of the others.
	Failing
	Mock
)

// Verdict is what a page says of the app's Redis.
type Verdict struct {
	Mode Mode
	// Said quotes the key and the value that decided.
	Said string
	// Component says that the verdict is about a component, not about the app as a whole.
	Component bool
}

// and returns the heavier of two verdicts, v if they are equal.
func (v Verdict) and(other Verdict) Verdict {
	if other.Mode > v.Mode {
		return other
	}
	return v
}

// Read returns the verdict on a page. A nil match is none.
func Read(body []byte, match *Match) Verdict {
	page, ok := parse(body)
	if !ok {
		return contractWord(body)
	}
	if v := match.read(page); v.Mode != Unclear {
		return v
	}
	whole := contract(page)
	if whole.Mode == Mock {
		return whole
	}
	var c components
	c.page(page)
	v := c.redis
	if v.Mode == Unclear && whole.Mode != Connected {
		v = c.cache
	}
	if v.Mode == Unclear {
		return whole
	}
	v.Component = true
	return v
}

// LimiterOpen returns what a page says of the app's rate limiter, which may be wrapped in data.
func LimiterOpen(body []byte) (open, said bool) {
	var page struct {
		Open *bool `json:"limiter_open"`
		Data struct {
			Open *bool `json:"limiter_open"`
		}
	}
	if len(body) > MaxBytes || json.Unmarshal(body, &page) != nil {
		return false, false
	}
	if page.Open == nil {
		page.Open = page.Data.Open
	}
	return page.Open != nil && *page.Open, page.Open != nil
}

// parse decodes a page, unless it is too large or nested too deeply.
func parse(body []byte) (page any, ok bool) {
	if len(body) > MaxBytes || json.Unmarshal(body, &page) != nil || deeper(page, maxDepth) {
		return nil, false
	}
	text.Outside(&page, MaxBytes)
	return page, true
}

func deeper(value any, depth int) bool {
	if depth == 0 {
		return true
	}
	switch value := value.(type) {
	case map[string]any:
		for _, v := range value {
			if deeper(v, depth-1) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, func(v any) bool { return deeper(v, depth-1) })
	}
	return false
}

// contractWord reads a page that is one bare word.
func contractWord(body []byte) Verdict {
	switch word := strings.ToLower(strings.TrimSpace(string(body))); word {
	case "connected":
		return Verdict{Mode: Connected, Said: quote("page", word)}
	case "mock":
		return Verdict{Mode: Mock, Said: quote("page", word)}
	}
	return Verdict{}
}

// fields yields an object's keys in order, so that the same page has the same words. Nothing else
// has any.
func fields(value any) iter.Seq2[string, any] {
	object, _ := value.(map[string]any)
	return func(yield func(string, any) bool) {
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if !yield(key, object[key]) {
				return
			}
		}
	}
}

// scalar returns the text of a word or of a flag, if the value is one of these.
func scalar(value any) (text string, isFlag, ok bool) {
	switch value := value.(type) {
	case string:
		return value, false, true
	case bool:
		return strconv.FormatBool(value), true, true
	}
	return "", false, false
}

// contract reads what the contract lets a page say of the whole app: status, mode, and
// mock, which may be wrapped in data. No other word about the whole app says anything of
// its Redis, except that trouble is never "connected".
func contract(page any) Verdict {
	var v, trouble, unmocked Verdict
	for key, value := range fields(page) {
		name := strings.ToLower(key)
		said, isFlag, ok := scalar(value)
		word := strings.ToLower(strings.TrimSpace(said))
		isMock := name == "mock" || name == "mock_mode"
		isState := !isFlag && (name == "status" || name == "mode")
		switch {
		case !ok && name == "data":
			v = v.and(contract(value))
		case !ok:
		case isMock && word == "true", isState && word == "mock":
			v = v.and(Verdict{Mode: Mock, Said: quote(key, said)})
		case isMock && isFlag:
			unmocked = Verdict{Mode: Connected, Said: quote(key, said)}
		case isState && word == "connected":
			v = v.and(Verdict{Mode: Connected, Said: quote(key, said)})
		case isFlag && name == "connected" && said == "false", isState && name == "status" && troubled(said):
			trouble = Verdict{Mode: Failing, Said: quote(key, said)}
		}
	}
	return v.and(trouble).and(unmocked)
}

// quote keeps of an app's words what fits into evidence. A text of one word is shown by its
// last part, without the package or the path; of a longer one only plain words at its
// beginning are, because an error's text may hold a host or a password.
func quote(key, text string) string {
	words := strings.Fields(text)
	if len(words) == 1 {
		return fmt.Sprintf("%.40s %.40q", key, words[0][strings.LastIndexAny(words[0], `./:@\\`)+1:])
	}
	var plain []string
	for _, w := range words {
		w, ended := strings.CutSuffix(w, ":")
		if strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' && r != '_' }) {
			break
		}
		if plain = append(plain, w); ended {
			break
		}
	}
	return fmt.Sprintf("%.40s %.40q", key, cmp.Or(strings.Join(plain, " "), "…"))
}

// nameOf returns by which name a list calls its item.
func nameOf(item any) string {
	byKey := map[string]string{}
	for key, value := range fields(item) {
		text, _ := value.(string)
		byKey[compact(key)] = cmp.Or(byKey[compact(key)], text)
	}
	for _, key := range []string{"name", "component", "componentname", "key", "label", "check", "checkname", "checker", "alias", "service", "dependency", "resource", "target", "id", "type"} {
		if byKey[key] != "" {
			return byKey[key]
		}
	}
	return ""
}

// Match says where a page has the word about Redis, and which words are meant.
type Match struct {
	path            *jsonpath.Path
	text            string
	connected, mock []string
}

// NewMatch makes a match of a JSONPath of RFC 9535.
func NewMatch(path string, connected, mock []string) (*Match, error) {
	p, err := jsonpath.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("parsing the path: %w", err)
	}
	return &Match{p, path, connected, mock}, nil
}

// read returns the verdict on the values that the path finds. One that is no word of the
// match is neither connected nor mock, unless it is named like a fake.
func (m *Match) read(page any) Verdict {
	v := Verdict{}
	if m == nil {
		return v
	}
	for _, node := range m.path.Select(page) {
		text, ok := node.(string)
		if !ok {
			encoded, err := json.Marshal(node)
			if err != nil || composed(node) {
				continue
			}
			text = string(encoded)
		}
		said := func(mode Mode) Verdict { return Verdict{Mode: mode, Said: quote(m.text, text), Component: true} }
		same := func(word string) bool { return strings.EqualFold(strings.TrimSpace(text), word) }
		switch {
		case slices.ContainsFunc(m.mock, same):
			v = v.and(said(Mock))
		case slices.ContainsFunc(m.connected, same):
			v = v.and(said(Connected))
		case fakeClient(text):
			v = v.and(said(Mock))
		default:
			v = v.and(said(Failing))
		}
	}
	return v
}
