package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// mockEvery is the interval that a signal stands for: signals have no runs, so
// their silence is never missed.
const mockEvery = time.Minute

// signalShift is how far ahead of Alert's a signal's clock may be: as far as a signature
// accepts (Standard Webhooks has five minutes), since whoever was told that it is
// accepted does not say it again.
const signalShift = 5 * time.Minute

// signal applies one piece of mock-mode evidence from outside. Alert has set its
// database. Each revision of a service is a source of its own: equal or older signals
// than its newest change nothing, and what one says ends nothing of another.
func (e *engine) signal(sig report.Signal) {
	key := report.Series{Database: sig.Database, Check: report.MockMode, Subject: sig.Service}
	if sig.Database == "" || !e.watched(key) || sig.At.After(e.now.Add(signalShift)) || e.now.Sub(sig.At) > e.p.SignalAge {
		return
	}
	ss, known := e.series[key]
	if !known {
		ss = &SeriesState{}
		e.series[key] = ss
	}
	ss.boundRevisions(sig)
	src := ss.source(sig.Evidence())
	if !sig.At.After(src.Scheduled) {
		return
	}
	if sig.Mode == report.Deactivated {
		src.withdraw(sig.At)
		ss.LastOK = later(ss.LastOK, sig.At)
		return
	}
	if src.Down && ss.goodSince(src.Scheduled) == 0 && sig.At.Sub(src.Scheduled) < e.p.EditEvery {
		return // says what is known: a service that restarts all the time must not write all the time
	}
	text := sig.Message
	if text == "" {
		text = sig.Reason
	}
	o := report.Observation{
		Database: key.Database, Check: key.Check, Subject: key.Subject, Source: src.Source,
		Status: report.Fail, Cause: cause.Mock, Evidence: report.CutEvidence(text), At: sig.At.UTC(), Every: mockEvery,
	}
	src.Scheduled, src.Every = sig.At.UTC(), mockEvery
	src.decide(&o, e.p.Rule(key), false)
	ss.LastBad = later(ss.LastBad, sig.At)
	ss.fresh = true
}

// withdraw ends a source's evidence at once.
func (src *SourceState) withdraw(at time.Time) {
	*src = SourceState{
		Source: src.Source, Scheduled: at.UTC(), Seen: at.UTC(), Every: src.Every, Status: report.OK, Clear: true,
		History: src.History << 1 & historyMask, Good: 1,
	}
}

// maxRevisions is how many revisions of a service are told apart for each kind of
// evidence; a roll-out has two.
const maxRevisions = 8

// boundRevisions makes room for the signal's revision: what was heard of first goes
// first, and what is over before what stands.
func (ss *SeriesState) boundRevisions(sig report.Signal) {
	var oldest *SourceState
	n := 0
	for i := range ss.Sources {
		src := &ss.Sources[i]
		if kind, _ := report.CutEvidenceSource(src.Source); kind != sig.Source || src.Source == sig.Evidence() {
			continue
		}
		n++
		if oldest == nil || oldest.Down && !src.Down || oldest.Down == src.Down && src.Scheduled.Before(oldest.Scheduled) {
			oldest = src
		}
	}
	if n >= maxRevisions {
		ss.removeSource(oldest.Source)
	}
}

// mockDetail is between a service and its evidence in [Incident.Mock]; no service's name
// has it.
const mockDetail = " ("

// attachMock shows a service in mock mode inside its database's ping incident, with the
// kinds of evidence that say so.
func (e *engine) attachMock(key report.Series) {
	if key.Check != report.MockMode {
		return
	}
	inc := e.openIncident(report.Series{Database: key.Database, Check: report.Ping})
	if inc == nil {
		return
	}
	entry := key.Subject
	if down := e.series[key].down(); len(down) > 0 {
		entry += mockDetail + strings.Join(down, ", ") + ")"
	}
	at, found := inc.mockEntry(key.Subject)
	if found && inc.Mock[at] == entry {
		return
	}
	if found {
		inc.Mock[at] = entry
	} else {
		inc.Mock = slices.Insert(inc.Mock, at, entry)
	}
	e.announce(inc, Updated)
}

// mockEntry finds a service among those that an outage left in mock mode.
func (i *Incident) mockEntry(service string) (int, bool) {
	return slices.BinarySearchFunc(i.Mock, service, func(entry, service string) int {
		name, _, _ := strings.Cut(entry, mockDetail)
		return strings.Compare(name, service)
	})
}

// down names the kinds of evidence that stand.
func (ss *SeriesState) down() []string {
	var names []string
	if ss != nil {
		for _, src := range ss.Sources {
			if src.Down {
				kind, _ := report.CutEvidenceSource(src.Source)
				names = append(names, kind)
			}
		}
	}
	return slices.Compact(names) // they are sorted
}

// relateMock keeps open incidents of mock mode and of ping aware of one another: while
// Redis is down the outage shows who is without it, and once it is back those who are
// still without are told to restart.
func (e *engine) relateMock() {
	for _, inc := range e.incidents {
		if inc.Series.Check != report.MockMode || !inc.Open() || inc.Drill {
			continue
		}
		e.attachMock(inc.Series)
		answers, back := inc.RedisAnswers, inc.RedisBack
		e.compareRedis(inc)
		if answers != inc.RedisAnswers || !back.Equal(inc.RedisBack) {
			e.announce(inc, Updated)
		}
	}
}

// compareRedis notes how Redis itself is while an app is in mock mode.
func (e *engine) compareRedis(inc *Incident) {
	ping := report.Series{Database: inc.Series.Database, Check: report.Ping}
	if inc.Series.Check != report.MockMode || !e.watched(ping) {
		return
	}
	ss, ok := e.series[ping]
	if !ok { // plainly good for a while
		inc.RedisAnswers = true
		return
	}
	inc.RedisAnswers = !ss.pending(e.now) && e.openIncident(ping) == nil
	if !inc.RedisAnswers {
		inc.RedisBack = time.Time{}
		return
	}
	if outage, ok := e.incidents[ss.Incident]; ok && !inc.Since.After(outage.Resolved) {
		if _, left := outage.mockEntry(inc.Series.Subject); left {
			inc.RedisBack = outage.Resolved
		}
	}
}

// signals reports whether the source's evidence comes as signals, not with reports.
func (src *SourceState) signals() bool {
	kind, _ := report.CutEvidenceSource(src.Source)
	return kind == report.SourceEvent || kind == report.SourceLogs
}

// goodSince returns how often the app and the proof, as far as there are any, have
// both been good since that time.
func (ss *SeriesState) goodSince(at time.Time) int {
	good, found := 0, false
	for _, src := range ss.Sources {
		if src.Source != report.SourceApp && src.Source != report.SourceProof {
			continue
		}
		if src.Scheduled.IsZero() {
			continue // an app that was never heard, or does not answer the proof, says nothing
		}
		n := 0
		if !src.Down && src.Bad == 0 && src.Every > 0 && src.Scheduled.After(at) {
			n = min(src.Good, int(src.Scheduled.Sub(at)/src.Every)+1)
		}
		if !found || n < good {
			good = n
		}
		found = true
	}
	return good
}

// retireMock withdraws what logs and events said once nobody stands behind it any more:
// nobody has to remember to say that it is over.
func (e *engine) retireMock() {
	for key, ss := range e.series {
		if key.Check != report.MockMode {
			continue
		}
		for i := range ss.Sources {
			src := &ss.Sources[i]
			if src.Down && src.signals() && (ss.goodSince(src.Scheduled) >= 2 || e.replaced(ss, src)) {
				src.withdraw(src.Scheduled) // it has not spoken since
			}
		}
	}
}

// replaced reports whether a revision has fallen silent while another one spoke: an app
// in mock mode repeats that it is, so this one no longer runs.
func (e *engine) replaced(ss *SeriesState, src *SourceState) bool {
	_, revision := report.CutEvidenceSource(src.Source)
	if revision == "" || e.now.Sub(src.Scheduled) < e.p.Replaced {
		return false
	}
	return slices.ContainsFunc(ss.Sources, func(other SourceState) bool {
		_, of := report.CutEvidenceSource(other.Source)
		return of != "" && of != revision && other.Scheduled.After(src.Scheduled)
	})
}

// MockServices names the services that the outage left in mock mode.
func (i *Incident) MockServices() []string {
	names := make([]string, len(i.Mock))
	for k, entry := range i.Mock {
		names[k], _, _ = strings.Cut(entry, mockDetail)
	}
	return names
}
