package judge

import (
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// mockEvery is the interval that a signal stands for. Signals have no runs, so their
// silence is never missed.
const mockEvery = time.Minute

// signal applies one piece of evidence about an app from outside. Alert has set its
// database. Each revision of a service is a source of its own: signals that are equal to
// or older than its newest change nothing, and end no evidence of another revision.
func (s *shard) signal(sig report.Signal) {
	key, why := report.Series{Database: sig.Database, Check: report.MockMode, Subject: sig.Service}, cause.Mock
	if sig.Limiter {
		key.Check, why = report.Limiter, cause.LimiterOpen
	}
	if sig.Database == "" || !s.watched(key) || sig.At.After(s.now.Add(policy.SignalShift)) || s.now.Sub(sig.At) > s.policy.SignalAge {
		return
	}
	_, known := s.Series[key]
	ss := s.series(key)
	asked := slices.Contains(s.policy.Databases[key.Database].Apps[key.Subject], report.SourceApp)
	if _, last := s.lastRun(policy.Job{Job: report.HealthCheck}); asked && !known && last.Scheduled.Before(sig.At) {
		ss.LastOK = last.Scheduled // its page was good then, otherwise the series would be there
	}
	boundRevisions(ss, sig)
	src := source(ss, sig.Evidence())
	// An event's time is in whole seconds: of two in one second the end is the later one.
	ends := sig.Mode == report.Deactivated && src.Down && sig.At.Equal(src.Scheduled)
	if !sig.At.After(src.Scheduled) && !ends {
		return
	}
	if sig.Mode == report.Deactivated {
		withdraw(src, sig.At)
		ss.LastOK = later(ss.LastOK, sig.At)
		return
	}
	if src.Down && goodSince(ss, src.Scheduled) == 0 && sig.At.Sub(src.Scheduled) < s.policy.EditEvery {
		return // it says what is known: a service that restarts all the time must not write all the time
	}
	text := sig.Message
	if text == "" {
		text = sig.Reason
	}
	o := report.Observation{
		Database: key.Database, Check: key.Check, Subject: key.Subject, Source: src.Source,
		Status: report.Fail, Cause: why, Evidence: report.CutEvidence(text), At: sig.At, Every: mockEvery,
	}
	src.Scheduled, src.Every = sig.At, mockEvery
	decide(src, &o, s.policy.Rule(key), false)
	ss.LastBad = later(ss.LastBad, sig.At)
	s.fresh[key] = true
}

// withdraw ends a source's evidence at once.
func withdraw(src *incident.SourceState, at time.Time) {
	*src = incident.SourceState{
		Source: src.Source, Scheduled: at, Seen: at, Every: src.Every, Status: report.OK,
		History: src.History << 1 & historyMask, Good: 1,
	}
}

// maxRevisions is how many revisions of a service are told apart for each kind of
// evidence. A roll-out has two.
const maxRevisions = 8

// boundRevisions makes room for the signal's revision. The oldest goes first, and one
// whose evidence is over goes before one whose evidence stands.
func boundRevisions(ss *incident.SeriesState, sig report.Signal) {
	var oldest incident.SourceState
	n := 0
	for _, src := range ss.Sources {
		if kind, _ := report.CutEvidenceSource(src.Source); kind != sig.Source || src.Source == sig.Evidence() {
			continue
		}
		if n++; n == 1 || oldest.Down && !src.Down || oldest.Down == src.Down && src.Scheduled.Before(oldest.Scheduled) {
			oldest = src
		}
	}
	if n >= maxRevisions {
		ss.Sources = slices.DeleteFunc(ss.Sources, func(src incident.SourceState) bool { return src.Source == oldest.Source })
	}
}

// attachMock shows a service in mock mode inside its database's ping incident, with the
// kinds of evidence that say so.
func (s *shard) attachMock(key report.Series) {
	outage := s.openIncident(report.Series{Database: key.Database, Check: report.Ping})
	if key.Check != report.MockMode || outage == nil {
		return
	}
	var kinds []string
	if ss := s.Series[key]; ss != nil {
		for _, src := range ss.Sources { // they are sorted
			if kind, _ := report.CutEvidenceSource(src.Source); src.Down && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	entry := incident.MockEntry(key.Subject, kinds)
	at, found := mockAt(outage, key.Subject)
	switch {
	case !found:
		outage.Mock = slices.Insert(outage.Mock, at, entry)
	case outage.Mock[at] != entry:
		outage.Mock[at] = entry
	default:
		return
	}
	s.announce(outage, incident.Updated)
}

// mockAt finds a service among those that an outage left in mock mode.
func mockAt(outage *incident.Incident, service string) (int, bool) {
	return slices.BinarySearchFunc(outage.Mock, service, func(entry, service string) int {
		return strings.Compare(incident.MockService(entry), service)
	})
}

// relateMock keeps open incidents of apps and of ping aware of one another. While
// Redis is down the outage shows who is without it. Once it is back, the apps that are
// still without it must be restarted. It also notes whose evidence is stale; asked says that
// health checks ask the apps.
func (s *shard) relateMock(asked bool) {
	for _, inc := range s.Incidents {
		if !inc.Series.Check.OfApp() || !inc.Open() || inc.Drill {
			continue
		}
		s.attachMock(inc.Series)
		answers, back, stale := inc.RedisAnswers, inc.RedisBack, inc.Stale
		s.compareRedis(inc)
		if ss := s.Series[inc.Series]; asked && ss != nil {
			if inc.Stale = (time.Time{}); s.stale(ss) {
				inc.Stale = ss.LastBad
			}
		}
		if answers != inc.RedisAnswers || !back.Equal(inc.RedisBack) || !stale.Equal(inc.Stale) {
			s.announce(inc, incident.Updated)
		}
	}
}

// compareRedis notes how Redis itself is while an app is without it.
func (s *shard) compareRedis(inc *incident.Incident) {
	ping := report.Series{Database: inc.Series.Database, Check: report.Ping}
	if !inc.Series.Check.OfApp() || !s.watched(ping) {
		return
	}
	ss, ok := s.Series[ping]
	if !ok { // plainly good for a while
		inc.RedisAnswers = true
		return
	}
	inc.RedisAnswers = !pending(ss, s.now) && s.openOf(ss) == nil
	if !inc.RedisAnswers {
		inc.RedisBack = time.Time{}
		return
	}
	if outage, ok := s.Incidents[ss.Incident]; ok && !inc.Since.After(outage.Resolved) {
		if _, left := mockAt(outage, inc.Series.Subject); left {
			inc.RedisBack = outage.Resolved
		}
	}
}

// signals reports whether the source's evidence comes as signals, not with reports.
func signals(src *incident.SourceState) bool {
	kind, _ := report.CutEvidenceSource(src.Source)
	return kind == report.SourceEvent || kind == report.SourceLogs
}

// stale reports whether no source confirms any more that the app is in mock mode, although the
// app is asked: it has given no decided answer for long, and no signal has come either.
func (s *shard) stale(ss *incident.SeriesState) bool {
	asked := false
	for i := range ss.Sources {
		src := &ss.Sources[i]
		switch confirmed := heard(src, s.now) || s.now.Sub(src.Scheduled) < s.policy.Replaced; {
		case src.Scheduled.IsZero(): // it has never given a decided answer
		case confirmed && src.Down:
			return false
		case !confirmed && !signals(src):
			asked = true
		}
	}
	return asked
}

// answers reports whether the app itself answers for the source.
func answers(src *incident.SourceState) bool {
	return src.Source == report.SourceApp || src.Source == report.SourceProof
}

// goodSince returns how often the app and the proof, as far as there are any, have
// both been good since that time. The one that is unknown by now leaves it to the other, but
// a proof that has failed must be given again.
func goodSince(ss *incident.SeriesState, at time.Time) int {
	var counts []int
	known := slices.ContainsFunc(ss.Sources, func(src incident.SourceState) bool {
		return answers(&src) && !src.Scheduled.IsZero() && src.UnknownSince.IsZero()
	})
	for _, src := range ss.Sources {
		if !answers(&src) || src.Scheduled.IsZero() {
			continue // an app that has never answered says nothing
		}
		if known && !src.UnknownSince.IsZero() && !(src.Source == report.SourceProof && src.Down) {
			continue
		}
		n := 0
		if !src.Down && src.Bad == 0 && src.Every > 0 && src.Scheduled.After(at) {
			n = min(src.Good, int(src.Scheduled.Sub(at)/src.Every)+1)
		}
		counts = append(counts, n)
	}
	if len(counts) == 0 {
		return 0
	}
	return slices.Min(counts)
}

// retireMock withdraws evidence that is out of date: from logs and events when the app and the
// proof were good twice since or the revision was replaced, and from an app that gives no
// decided answer any more when the proof was good twice since or a signal has said that it is
// over. No one has to say so.
func (s *shard) retireMock() {
	for key, ss := range s.Series {
		if !key.Check.OfApp() {
			continue
		}
		for i := range ss.Sources {
			src := &ss.Sources[i]
			lost := src.Source == report.SourceApp && !src.UnknownSince.IsZero()
			switch {
			case !src.Down || !signals(src) && !lost:
			case goodSince(ss, src.Scheduled) >= 2, s.replaced(ss, src), lost && ended(ss, src.Scheduled):
				withdraw(src, src.Scheduled) // it has not spoken since
			}
		}
	}
}

// ended reports whether a signal has said since that time that it is over.
func ended(ss *incident.SeriesState, at time.Time) bool {
	return slices.ContainsFunc(ss.Sources, func(src incident.SourceState) bool {
		return signals(&src) && src.Status == report.OK && !src.Scheduled.Before(at)
	})
}

// replaced reports whether a revision has been silent since another one spoke. An app in
// mock mode repeats that it is, so the silent revision no longer runs.
func (s *shard) replaced(ss *incident.SeriesState, src *incident.SourceState) bool {
	_, revision := report.CutEvidenceSource(src.Source)
	if revision == "" || s.now.Sub(src.Scheduled) < s.policy.Replaced {
		return false
	}
	return slices.ContainsFunc(ss.Sources, func(other incident.SourceState) bool {
		_, of := report.CutEvidenceSource(other.Source)
		return of != "" && of != revision && other.Scheduled.After(src.Scheduled)
	})
}
