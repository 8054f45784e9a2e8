package statistics

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Query is what is asked for.
type Query struct {
	// Range is one of Ranges.
	Range string
	// Database is the one that is asked for, empty for all.
	Database string
	// Region is the one whose pings are shown, empty for the database's home.
	Region string
	// Step is the width of a series' point; zero takes the range's.
	Step time.Duration
	// Search, Environment and State choose databases: by a part of the name, by the
	// environment and by the status. Empty is all.
	Search, Environment string
	State               Word
	// Page is which page of the databases is shown, from 1 on; zero is the first.
	Page int
}

// Matches reports whether the database is among those that the query chooses.
func (q Query) Matches(d *Database) bool {
	return (q.Search == "" || strings.Contains(d.Name, strings.ToLower(q.Search))) &&
		(q.Environment == "" || d.Environment == q.Environment) && (q.State == "" || d.Status == q.State)
}

const day = 24 * time.Hour

type span struct {
	name       string
	wide, step time.Duration
}

var spans = []span{
	{"1h", time.Hour, time.Minute},
	{"6h", 6 * time.Hour, 5 * time.Minute},
	{"24h", day, 15 * time.Minute},
	{"7d", 7 * day, time.Hour},
	{"30d", 30 * day, 6 * time.Hour},
}

// Ranges are the ranges that can be asked for.
func Ranges() []string {
	var out []string
	for _, s := range spans {
		out = append(out, s.name)
	}
	return out
}

const (
	// minStep and maxPoints bound a series.
	minStep   = 10 * time.Second
	maxPoints = 1500
)

// QueryError says what is wrong with a request; NotFound that it names something that
// there is not.
type QueryError struct {
	Text     string
	NotFound bool
}

func (e *QueryError) Error() string { return e.Text }

// Parse reads range, database, region, step, search, environment, state and page. An error
// is a [*QueryError].
func Parse(v url.Values, c *config.Config) (Query, error) {
	q := Query{
		Range: v.Get("range"), Database: v.Get("database"), Region: v.Get("region"),
		Search: strings.TrimSpace(v.Get("search")), Environment: v.Get("environment"), State: Word(v.Get("state")),
	}
	text.Outside(&q, report.MaxEvidence) // a page shows it again
	if q.State != "" && !slices.Contains(Words(), q.State) {
		return q, &QueryError{Text: fmt.Sprintf("state %q is not known, want one of %s", report.CutEvidence(string(q.State)), join(Words()))}
	}
	if text := v.Get("page"); text != "" {
		var err error
		if q.Page, err = strconv.Atoi(text); err != nil || q.Page < 1 {
			return q, &QueryError{Text: fmt.Sprintf("page %q is not a page, want a number such as 2", report.CutEvidence(text))}
		}
	}
	q.Range = cmp.Or(q.Range, spans[0].name)
	if !slices.Contains(Ranges(), q.Range) {
		return q, &QueryError{Text: fmt.Sprintf("range %q is not known, want one of %s", report.CutEvidence(q.Range), strings.Join(Ranges(), ", "))}
	}
	s := q.span()
	if q.Database != "" && c.Database(q.Database) == nil {
		return q, &QueryError{Text: "database " + report.CutEvidence(q.Database) + " is not configured", NotFound: true}
	}
	if text := v.Get("step"); text != "" {
		step, err := time.ParseDuration(text)
		if err != nil || step < minStep || step > s.wide || step%time.Second != 0 || s.wide/step > maxPoints {
			return q, &QueryError{Text: fmt.Sprintf("step %q does not fit, want one such as %q: at least %s, at most the range, at most %d points",
				report.CutEvidence(text), s.step, minStep, maxPoints)}
		}
		q.Step = step
	}
	of := func(shard string) bool { return slices.Contains(c.RegionsOf(shard), q.Region) }
	// Without regions in the configuration there is one, wherever that is.
	if q.Region != "" && len(c.Regions) > 0 && !slices.ContainsFunc(c.ShardNames(), of) {
		return q, &QueryError{Text: "region " + report.CutEvidence(q.Region) + " is not configured", NotFound: true}
	}
	return q, nil
}

func join(words []Word) string {
	var out []string
	for _, w := range words {
		out = append(out, string(w))
	}
	return strings.Join(out, ", ")
}

// span returns that of the range, which is known.
func (q Query) span() span {
	return spans[slices.IndexFunc(spans, func(s span) bool { return s.name == q.Range })]
}

// window is the query's time: from, to and what lies between, in points of a step.
type window struct {
	from, to time.Time
	step     time.Duration
	asked    bool // for that step
}

// window of a query whose pings come every so often. Its points are aligned to the step, and
// those of a long range to the day on which it begins, because days are counted whole.
func (q Query) window(now time.Time, every time.Duration) window {
	s := q.span()
	step := q.Step
	if step == 0 {
		step = s.step
		if s.name == spans[0].name { // as fine as the pings
			step = min(step, max(minStep, every))
		}
	}
	align := step
	if q.long() {
		align = day
	}
	return window{now.Add(-s.wide).Truncate(align), now, step, q.Step > 0}
}

// long says that the range is wider than the hours that are read.
func (q Query) long() bool { return q.span().wide > day }

// points is how many steps the window has, of which the last is not over.
func (w window) points() int { return int(w.to.Sub(w.from)/w.step) + 1 }

// by is the window in points of another step.
func (w window) by(step time.Duration) window { return window{w.from, w.to, step, w.asked} }

// of is the window in points that are no finer than what comes every so often, unless a step was
// asked for: otherwise most points would look like gaps.
func (w window) of(every time.Duration) window {
	if w.asked {
		return w
	}
	return w.by(max(w.step, every))
}

// index is the point that t falls into, negative for none.
func (w window) index(t time.Time) int {
	if t.Before(w.from) || t.After(w.to) {
		return -1
	}
	return int(t.Sub(w.from) / w.step)
}
