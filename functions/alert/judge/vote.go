package judge

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// verdict is what a series' sources say together.
type verdict struct {
	// status is OK, Warn or Fail. It is Unknown where no source was heard: then the
	// verdict before stands.
	status report.Status
	// lead is the most informative source, of equals the one that has failed for longest:
	// the one that reported last would change with each report. Nil unless status is bad.
	lead  *incident.SourceState
	cause cause.Cause
	// seen is a bad observation of this step, lead's if it has one.
	seen *report.Observation
	// down names the sources that are down, voters all that were heard.
	down, voters []string
	// since is the earliest failure among down, runs the most failed runs.
	since time.Time
	runs  int
	// alone says that a minority of the regions is down, so that it is no outage yet.
	alone bool
}

// aggregate makes one verdict of a series' sources. Regions vote on ping and latency:
// those heard lately count, and a majority that is down makes an outage. A minority is a
// warning, unless the database's home region is in it. Of any other check, one failing
// source is enough, and only that source can say that it is over.
//
// reporting names the regions that reported lately. One that has no source here was
// good, since the state leaves out what is good.
func aggregate(check report.Check, sources []incident.SourceState, reporting []string, home string, now time.Time) verdict {
	var v verdict
	for i := range sources {
		if src := &sources[i]; !votes(check) || heard(src, now) {
			v.count(src)
		}
	}
	if votes(check) {
		for _, region := range reporting {
			if !slices.ContainsFunc(sources, func(src incident.SourceState) bool { return src.Source == region }) {
				v.voters = append(v.voters, region)
			}
		}
		slices.Sort(v.voters)
	}
	if check == report.Latency && slices.Contains(v.voters, home) {
		// Latency is a matter of distance, so a far region being slow says nothing.
		v = verdict{voters: []string{home}}
		if i := slices.IndexFunc(sources, func(src incident.SourceState) bool { return src.Source == home }); i >= 0 {
			v.voters = nil
			v.count(&sources[i])
		}
	}
	switch {
	case len(v.voters) == 0:
		v.status = report.Unknown
	case len(v.down) == 0:
		v.status = report.OK
	case !votes(check), 2*len(v.down) > len(v.voters), slices.Contains(v.down, home):
		v.status = v.lead.Status
	default:
		v.status, v.alone = report.Warn, true
	}
	return v
}

// votes reports whether regions vote on the check.
func votes(check report.Check) bool { return check == report.Ping || check == report.Latency }

// count adds a source's vote.
func (v *verdict) count(src *incident.SourceState) {
	v.voters = append(v.voters, src.Source)
	if !src.Down {
		return
	}
	v.down = append(v.down, src.Source)
	if v.lead == nil || rank(src) > rank(v.lead) || rank(src) == rank(v.lead) && src.Since.Before(v.lead.Since) {
		v.lead, v.cause = src, src.Cause
	}
	if src.Observation != nil && (v.seen == nil || v.lead == src) {
		v.seen = src.Observation
	}
	if v.since.IsZero() || src.Since.Before(v.since) {
		v.since = src.Since
	}
	v.runs = max(v.runs, src.Runs)
}

// rank orders bad sources by how informative they are.
func rank(src *incident.SourceState) int {
	rank := src.Cause.Severity().Rank()
	if src.Status == report.Fail {
		rank += 10
	}
	return rank
}

// heard reports whether the source gave a decided answer within three intervals.
func heard(src *incident.SourceState, now time.Time) bool {
	return !src.Scheduled.IsZero() && now.Sub(src.Scheduled) <= 3*src.Every+slack
}

// slack is how late a run may be scheduled, run and delivered before it is one
// interval later.
const slack = 30 * time.Second
