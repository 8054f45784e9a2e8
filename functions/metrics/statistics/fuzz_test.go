package statistics

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
)

// FuzzParse reads whatever query. What is accepted stays within the bounds of a series, and
// what is refused is answered in one short line.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "range=7d&database=cache&region=us-east4&step=2h", "range=2h", "step=1ns", "step=9223372036854775807ns", "step=-1m", "range=30d&step=1728s", "database=%1b%5b31m%e2%80%ae",
		"region=%3D%3Futf-8%3Fq%3Fx%3F%3D", "range=1h&range=30d", "step=1h;x=%zz", "=&=&=", "page=0", "page=-1&state=%1b", "state=down&search=%0a%e2%80%ae&environment=%00", "page=9223372036854775808",
	} {
		f.Add(seed)
	}
	c, problems := config.Parse(false, config.Document{Name: "test.yaml", Text: []byte(two)})
	if c == nil {
		f.Fatal(problems)
	}
	f.Fuzz(func(t *testing.T, query string) {
		v, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q, err := Parse(v, c)
		if err != nil {
			if text := err.Error(); strings.ContainsAny(text, "\x1b\n\r\u202e") || len(text) > 1000 {
				t.Errorf("%q is refused with %q", query, text)
			}
			return
		}
		if !slices.Contains(Ranges(), q.Range) || q.Database != "" && c.Database(q.Database) == nil || q.Step < 0 {
			t.Errorf("%q is read as %+v", query, q)
		}
		// A long range begins with a whole day.
		now := time.Date(2026, 11, 22, 18, 34, 5, 0, time.UTC)
		if w := q.window(now, time.Minute); w.points() < 1 || w.points() > maxPoints+1+int(day/w.step) || w.step < minStep {
			t.Errorf("%q has a window of %d points, each %v", query, w.points(), w.step)
		}
	})
}
