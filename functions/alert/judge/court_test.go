package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// court observes and judges one shard, minute by minute.
type court struct {
	t   *testing.T
	s   incident.State
	p   policy.Policy
	now time.Time
	// changes lists "minute series event" of all that is not routine.
	changes []string
	// explained is what the last step returned.
	explained map[string]bool
}

func newCourt(t *testing.T) *court {
	p := policy.Default()
	p.Databases = map[string]policy.Database{"a": {}, "b": {}, "c": {}, "d": {}}
	p.Jobs = []policy.Job{{Job: report.HealthCheck, Region: "us", Every: time.Minute}}
	return &court{t: t, s: incident.New("main", noon), p: p, now: noon}
}

func (c *court) step(e Evidence) []incident.Change {
	c.t.Helper()
	changes, explained := Judge(&c.s, e, c.p, c.now)
	c.explained = explained
	series := func(change incident.Change) string { return c.s.Incidents[change.ID].Series.String() }
	slices.SortStableFunc(changes, func(a, b incident.Change) int { return strings.Compare(series(a), series(b)) })
	for _, change := range changes {
		if !change.Routine {
			c.changes = append(c.changes, fmt.Sprintf("%v %s %s", c.now.Sub(noon).Minutes(), series(change), change.Event))
		}
	}
	maps.DeleteFunc(c.s.Incidents, func(_ string, inc *incident.Incident) bool {
		return !inc.Open() && c.now.Sub(inc.Resolved) > c.p.Reopen
	})
	Prune(&c.s, c.p, c.now)
	return changes
}

// run is a run of the health check in a region, in which each letter is a ping of the
// next database: '.' good, 'x' timeout, 'a' wrong token, 'q' quota, '5' server error,
// '?' unknown, ' ' not in the report.
func (c *court) run(region, letters string, more ...report.Observation) {
	c.t.Helper()
	c.step(Evidence{Report: c.report(region, letters, more...)})
}

func (c *court) report(region, letters string, more ...report.Observation) *report.Report {
	r := &report.Report{Job: report.HealthCheck, Region: region, Shard: "main", Scheduled: c.now, Every: time.Minute, Version: "v1"}
	causes := map[rune]cause.Cause{'x': cause.TimeoutResponse, 'a': cause.AuthInvalid, 'q': cause.QuotaMonthly, '5': cause.Provider5xx}
	for i, l := range letters {
		o := report.Observation{Database: string(rune('a' + i)), Check: report.Ping, Source: region, Status: report.Fail, Cause: causes[l], At: c.now.Add(time.Second), Every: time.Minute}
		switch l {
		case '.':
			o.Status, o.Clear = report.OK, true
		case '?':
			o.Status = report.Unknown
		case ' ':
			continue
		}
		r.Observations = append(r.Observations, o)
	}
	r.Observations = append(r.Observations, more...)
	return r
}

// other makes an observation of another check of database a; without a cause it is good.
func (c *court) other(check report.Check, source string, of cause.Cause) report.Observation {
	o := report.Observation{Database: "a", Check: check, Source: source, Status: report.Fail, Cause: of, At: c.now, Every: time.Minute}
	if of == "" {
		o.Status, o.Clear = report.OK, true
	}
	if check == report.MockMode {
		o.Subject = "backend"
	}
	return o
}

// life plays one letter a minute for database a; '_' is a minute without a report.
func (c *court) life(letters string) {
	c.t.Helper()
	for _, l := range letters {
		if l == '_' {
			c.step(Evidence{})
		} else {
			c.run("us", string(l))
		}
		c.now = c.now.Add(time.Minute)
	}
}

func (c *court) want(changes ...string) {
	c.t.Helper()
	if diff := cmp.Diff(changes, c.changes); diff != "" {
		c.t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// of returns the newest incident of a check of database a.
func (c *court) of(check report.Check) *incident.Incident {
	c.t.Helper()
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(c.s.Incidents))) {
		if inc := c.s.Incidents[id]; inc.Series.Check == check {
			return inc
		}
	}
	c.t.Fatalf("no incident of %s", check)
	return nil
}

// split turns "1 opened; 3 resolved" into changes of a series.
func split(series, changes string) []string {
	var out []string
	for change := range strings.SplitSeq(changes, "; ") {
		if minute, event, ok := strings.Cut(change, " "); ok {
			out = append(out, minute+" "+series+" "+event)
		}
	}
	return out
}
