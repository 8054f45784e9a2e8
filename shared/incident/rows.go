package incident

import (
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// The fields of the rows. They are a format: append, never reorder, and never give
// a field another meaning.

func writeSeries(w *rowWriter, key report.Series, ss *SeriesState) {
	w.begin(rowSeries)
	writeKey(w, key)
	w.text(ss.Incident)
	w.text(ss.Held)
	w.time(ss.LastBad)
	w.time(ss.LastOK)
	w.list(len(ss.Sources), func(i int) { writeSource(w, &ss.Sources[i]) })
	w.time(ss.HeldAt)
	w.end()
}

func readSeries(r *rowReader, ss *SeriesState, sources *slab[SourceState]) report.Series {
	key := readKey(r)
	ss.Incident, ss.Held, ss.LastBad, ss.LastOK = r.text(), r.text(), r.time(), r.time()
	r.list(func(n int) { ss.Sources = sources.take(n)[:0] }, func(e *rowReader) {
		ss.Sources = ss.Sources[:len(ss.Sources)+1]
		readSource(e, key, &ss.Sources[len(ss.Sources)-1])
	})
	ss.HeldAt = r.time()
	return key
}

func writeKey(w *rowWriter, key report.Series) {
	w.field()
	w.keyBegin = len(w.b)
	w.escaped(key.Database)
	w.text(string(key.Check))
	w.text(key.Subject)
	w.keyEnd = len(w.b)
}

func readKey(r *rowReader) report.Series {
	return report.Series{Database: r.text(), Check: report.Check(r.text()), Subject: r.text()}
}

func writeSource(w *rowWriter, s *SourceState) {
	w.text(s.Source)
	w.time(s.Scheduled)
	w.time(s.Seen)
	w.time(s.UnknownSince)
	w.duration(s.Every)
	w.text(string(s.Status))
	w.bool(s.Clear)
	w.text(string(s.Cause))
	w.int(int64(s.History))
	w.int(int64(s.Known))
	w.int(int64(s.Bad))
	w.int(int64(s.Good))
	w.int(int64(s.Runs))
	w.int(int64(s.Alike))
	w.bool(s.Down)
	w.time(s.Since)
	w.bool(s.Observation != nil)
	if s.Observation != nil {
		writeObservation(w, s.Observation)
	}
}

func readSource(r *rowReader, key report.Series, s *SourceState) {
	*s = SourceState{
		Source: r.text(), Scheduled: r.time(), Seen: r.time(), UnknownSince: r.time(), Every: r.duration(),
		Status: report.Status(r.text()), Clear: r.bool(), Cause: cause.Cause(r.text()),
		History: uint32(r.int()) & historyMask, Known: int(r.int()), Bad: int(r.int()), Good: int(r.int()), Runs: int(r.int()), Alike: int(r.int()),
		Down: r.bool(), Since: r.time(),
	}
	if r.bool() {
		o := readObservation(r, key)
		o.Source = s.Source
		s.Observation = &o
	}
}

// writeObservation leaves out the series, which stands beside it.
func writeObservation(w *rowWriter, o *report.Observation) {
	w.text(o.Source)
	w.text(string(o.Status))
	w.bool(o.Clear)
	w.text(string(o.Cause))
	w.bool(o.Value != nil)
	w.float(value(o.Value))
	w.bool(o.Threshold != nil)
	w.float(value(o.Threshold))
	w.text(string(o.Unit))
	w.int(int64(o.HTTPStatus))
	w.int(int64(o.Attempts))
	w.text(o.Evidence)
	w.text(o.TokenVersion)
	w.time(o.At)
	w.duration(o.Every)
	p := report.Phases{}
	if o.Phases != nil {
		p = *o.Phases
	}
	w.bool(o.Phases != nil)
	for _, ms := range []float64{p.DNS, p.Connect, p.TLS, p.Wait, p.Total} {
		w.float(ms)
	}
	w.text(p.Reached)
}

func readObservation(r *rowReader, key report.Series) report.Observation {
	o := report.Observation{
		Database: key.Database, Check: key.Check, Subject: key.Subject,
		Source: r.text(), Status: report.Status(r.text()), Clear: r.bool(), Cause: cause.Cause(r.text()),
	}
	o.Value, o.Threshold = readFloat(r), readFloat(r)
	o.Unit, o.HTTPStatus, o.Attempts = report.Unit(r.text()), int(r.int()), int(r.int())
	o.Evidence, o.TokenVersion, o.At, o.Every = r.text(), r.text(), r.time(), r.duration()
	has := r.bool()
	p := report.Phases{DNS: r.float(), Connect: r.float(), TLS: r.float(), Wait: r.float(), Total: r.float(), Reached: r.text()}
	if has {
		o.Phases = &p
	}
	return o
}

func value(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

func readFloat(r *rowReader) *float64 {
	has, v := r.bool(), r.float()
	if !has {
		return nil
	}
	return &v
}

func writeThread(w *rowWriter, t *Thread) {
	w.int(int64(t.Rev))
	marks := appendSorted(make([]Event, 0, fewKeys), t.Marks)
	w.list(len(marks), func(i int) {
		w.text(string(marks[i]))
		w.int(int64(t.Marks[marks[i]]))
	})
	addresses := appendSorted(make([]string, 0, fewKeys), t.Deliveries)
	w.list(len(addresses), func(i int) {
		w.text(addresses[i])
		d := t.Deliveries[addresses[i]]
		writeDelivery(w, &d)
	})
	ack := Ack{}
	if t.Ack != nil {
		ack = *t.Ack
	}
	w.bool(t.Ack != nil)
	w.text(ack.By)
	w.text(ack.Via)
	w.time(ack.At)
	w.time(t.SilencedUntil)
	w.text(t.SilencedBy)
	w.text(t.Suppressed)
	w.bool(t.Withheld)
	w.int(int64(t.Reminded))
	w.time(t.RemindAt)
	w.time(t.Escalated)
	w.time(t.Edited)
}

func readThread(r *rowReader, t *Thread) {
	t.Rev = int(r.int())
	t.Marks = readMap(r, func(e *rowReader) (Event, int) { return Event(e.text()), int(e.int()) })
	t.Deliveries = readMap(r, func(e *rowReader) (string, Delivery) { return e.text(), readDelivery(e) })
	has := r.bool()
	ack := Ack{By: r.text(), Via: r.text(), At: r.time()}
	if has {
		t.Ack = &ack
	}
	t.SilencedUntil, t.SilencedBy, t.Suppressed, t.Withheld = r.time(), r.text(), r.text(), r.bool()
	t.Reminded, t.RemindAt, t.Escalated, t.Edited = int(r.int()), r.time(), r.time(), r.time()
}

func writeDelivery(w *rowWriter, d *Delivery) {
	w.int(int64(d.Want))
	w.int(int64(d.Done))
	w.int(int64(d.Maybe))
	w.text(d.Ref.Channel)
	w.text(d.Ref.ID)
	w.text(d.Ref.Thread)
	w.bool(d.Open)
	w.text(d.Lease.Owner)
	w.time(d.Lease.Until)
	w.int(int64(d.Tries))
	w.time(d.NotBefore)
	w.time(d.Since)
	w.time(d.Sent)
	w.text(d.Refused)
	w.text(d.Instead)
	w.text(d.Why)
	w.bool(d.Repair)
	w.text(d.Error)
}

func readDelivery(r *rowReader) Delivery {
	return Delivery{
		Want: int(r.int()), Done: int(r.int()), Maybe: int(r.int()),
		Ref: Ref{Channel: r.text(), ID: r.text(), Thread: r.text()}, Open: r.bool(),
		Lease: Lease{Owner: r.text(), Until: r.time()}, Tries: int(r.int()), NotBefore: r.time(), Since: r.time(), Sent: r.time(),
		Refused: r.text(), Instead: r.text(), Why: r.text(), Repair: r.bool(), Error: r.text(),
	}
}

func writeIncident(w *rowWriter, i *Incident) {
	w.begin(rowIncident)
	w.text(i.ID)
	writeKey(w, i.Series)
	writeThread(w, &i.Thread)
	w.text(string(i.Severity))
	w.text(string(i.Status))
	w.text(string(i.Cause))
	w.text(string(i.Previous))
	told := appendSorted(make([]cause.Class, 0, fewKeys), i.CauseTold)
	w.list(len(told), func(n int) {
		w.text(string(told[n]))
		w.time(i.CauseTold[told[n]])
	})
	w.list(1, func(int) { writeObservation(w, &i.Observation) })
	w.texts(i.Down)
	w.texts(i.Voters)
	w.int(int64(i.Runs))
	w.time(i.Since)
	w.time(i.LastOK)
	w.time(i.Opened)
	w.time(i.Resolved)
	w.bool(i.Gone)
	w.int(int64(i.Reopened))
	w.list(len(i.Reopenings), func(n int) { w.time(i.Reopenings[n]) })
	w.bool(i.Unstable)
	w.bool(i.Flapping)
	w.text(i.Group)
	w.texts(i.Mock)
	w.text(i.Sparkline)
	w.bool(i.Drill)
	w.text(i.DrillFor)
	w.bool(i.RedisAnswers)
	w.time(i.RedisBack)
	w.time(i.Resumed)
	w.end()
}

func readIncident(r *rowReader, i *Incident) {
	i.ID, i.Series = r.text(), readKey(r)
	readThread(r, &i.Thread)
	i.Severity, i.Status = cause.Severity(r.text()), report.Status(r.text())
	i.Cause, i.Previous = cause.Cause(r.text()), cause.Cause(r.text())
	i.CauseTold = readMap(r, func(e *rowReader) (cause.Class, time.Time) { return cause.Class(e.text()), e.time() })
	for _, o := range readSlice(r, func(e *rowReader) report.Observation { return readObservation(e, i.Series) }) {
		i.Observation = o
	}
	i.Down, i.Voters, i.Runs = r.texts(), r.texts(), int(r.int())
	i.Since, i.LastOK, i.Opened, i.Resolved = r.time(), r.time(), r.time(), r.time()
	i.Gone, i.Reopened = r.bool(), int(r.int())
	i.Reopenings = readSlice(r, (*rowReader).time)
	i.Unstable, i.Flapping, i.Group, i.Mock = r.bool(), r.bool(), r.text(), r.texts()
	i.Sparkline, i.Drill, i.DrillFor = r.text(), r.bool(), r.text()
	i.RedisAnswers, i.RedisBack, i.Resumed = r.bool(), r.time(), r.time()
}

func writeGroup(w *rowWriter, g *Group) {
	w.begin(rowGroup)
	w.text(g.ID)
	writeThread(w, &g.Thread)
	w.text(string(g.Class))
	w.text(string(g.Severity))
	w.text(g.Region)
	w.texts(g.Members)
	w.text(g.Key)
	w.texts(g.Joined)
	w.texts(g.Waiting)
	w.time(g.Since)
	w.time(g.Opened)
	w.time(g.Resolved)
	w.time(g.Reopened)
	w.time(g.Resumed)
	w.end()
}

func readGroup(r *rowReader, g *Group) {
	g.ID = r.text()
	readThread(r, &g.Thread)
	g.Class, g.Severity, g.Region = cause.Class(r.text()), cause.Severity(r.text()), r.text()
	g.Members, g.Key, g.Joined, g.Waiting = r.texts(), r.text(), r.texts(), r.texts()
	g.Since, g.Opened, g.Resolved = r.time(), r.time(), r.time()
	g.Reopened, g.Resumed = r.time(), r.time()
}

// shorten drops what is not needed between two steps: an observation comes anew with
// the next report, except where the evidence came once.
func (src *SourceState) shorten(key report.Series) {
	if !src.Down || key.Check != report.MockMode && key.Database != report.MonitorDatabase {
		src.Observation = nil
	}
}
