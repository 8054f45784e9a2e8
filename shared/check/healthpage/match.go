package healthpage

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/theory/jsonpath"
)

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
