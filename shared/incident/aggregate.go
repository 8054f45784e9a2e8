package incident

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Verdict is what a series' sources say together.
type Verdict struct {
	// Status is OK, Warn or Fail; Unknown where nobody could be heard: then whatever
	// was believed before stands.
	Status report.Status
	// Lead is the source that says most, of equals the one that has failed for longest:
	// who reported last would change with each report. Nil unless Status is bad.
	Lead *SourceState
	// Seen is a bad observation of this step, Lead's if it has one.
	Seen *report.Observation
	// Down names the sources that are down, Voters all that were heard.
	Down, Voters []string
	// Since is the earliest failure among Down, Runs the most failed runs.
	Since time.Time
	Runs  int
	// Alone says that a minority of the regions is down, so that it is no outage yet.
	Alone bool
}

// Aggregate makes one verdict of a series' sources. Regions vote on ping and
// latency: each has passed its own thresholds, those heard lately count, a majority
// is down; a minority is a warning, unless the database's home region is in it. Of
// any other check, one failing source is enough, and only that source can say that
// it is over.
//
// heard names the regions that reported lately: one that has no source here was
// good, for the state leaves out what is good.
func Aggregate(check report.Check, sources []SourceState, heard []string, home string, now time.Time) Verdict {
	vote := votes(check)
	var v Verdict
	for i := range sources {
		src := &sources[i]
		if vote && !src.heard(now) {
			continue
		}
		v.Voters = append(v.Voters, src.Source)
		if !src.Down {
			continue
		}
		v.Down = append(v.Down, src.Source)
		v.lead(src)
	}
	if vote {
		v.addHeard(sources, heard)
		if check == report.Latency && slices.Contains(v.Voters, home) {
			v.only(home, sources)
		}
	}
	switch {
	case len(v.Voters) == 0:
		v.Status = report.Unknown
	case len(v.Down) == 0:
		v.Status = report.OK
	case !vote, 2*len(v.Down) > len(v.Voters), slices.Contains(v.Down, home):
		v.Status = v.Lead.Status
	default:
		v.Status, v.Alone = report.Warn, true
	}
	return v
}

// votes reports whether regions vote on the check.
func votes(check report.Check) bool { return check == report.Ping || check == report.Latency }

func (v *Verdict) lead(src *SourceState) {
	if v.Lead == nil || src.says() > v.Lead.says() || src.says() == v.Lead.says() && src.Since.Before(v.Lead.Since) {
		v.Lead = src
	}
	if src.Observation != nil && (v.Seen == nil || v.Lead == src) {
		v.Seen = src.Observation
	}
	if v.Since.IsZero() || src.Since.Before(v.Since) {
		v.Since = src.Since
	}
	v.Runs = max(v.Runs, src.Runs)
}

// says ranks how much a bad source tells.
func (src *SourceState) says() int {
	rank := src.Cause.Severity().Rank()
	if src.Status == report.Fail {
		rank += 10
	}
	return rank
}

func (v *Verdict) addHeard(sources []SourceState, heard []string) {
	for _, region := range heard {
		if !slices.ContainsFunc(sources, func(s SourceState) bool { return s.Source == region }) {
			v.Voters = append(v.Voters, region)
		}
	}
	slices.Sort(v.Voters)
}

// only makes one region the judge: latency is a matter of distance, so a far region
// being slow says nothing.
func (v *Verdict) only(home string, sources []SourceState) {
	*v = Verdict{Voters: []string{home}}
	for i := range sources {
		if src := &sources[i]; src.Source == home && src.Down {
			v.Down = []string{home}
			v.lead(src)
		}
	}
}

// heard reports whether the source gave a decided answer within three intervals.
func (src *SourceState) heard(now time.Time) bool {
	return !src.Scheduled.IsZero() && now.Sub(src.Scheduled) <= 3*src.Every+slack
}

// slack is how late a run may be scheduled, run and delivered before it is one
// interval later.
const slack = 30 * time.Second

// severity comes from the check, is raised by the cause, and is capped by a warning.
func severity(rule Rule, status report.Status, c cause.Cause) cause.Severity {
	s := rule.Severity.Max(c.Severity())
	if status == report.Warn {
		s = s.Min(cause.SeverityWarning)
	}
	return s
}
