package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// PingHour is the pings of one hour, shard and region.
type PingHour struct{ pingBody }

type pingBody struct {
	Shard  string `json:"shard"`
	Region string `json:"region"`
	runs
	Causes causes                 `json:"causes,omitempty"`
	Series map[string]*pingSeries `json:"databases"`
}

// pingSeries is one database's samples. Status has a letter for each run up to the last
// in which the database was watched. The columns have a number for each present status.
type pingSeries struct {
	Status   letters `json:"status"`
	Cause    column  `json:"cause"`
	Attempts column  `json:"attempts"`
	DNS      column  `json:"dns"`
	Connect  column  `json:"connect"`
	TLS      column  `json:"tls"`
	Wait     column  `json:"wait"`
	// Rest is total minus the other phases.
	Rest column `json:"rest"`

	// broken is why a series that was read has no samples.
	broken error
}

// AppendPings adds a HealthCheck run: one sample for each database, whose At is the
// run's. A run that is already there changes nothing.
func (a *Archive) AppendPings(ctx context.Context, shard string, run Run, samples map[string]report.Sample) error {
	empty := func() *PingHour {
		return &PingHour{pingBody{Shard: shard, Region: run.Region, Series: map[string]*pingSeries{}}}
	}
	return appendRun(ctx, a, pingPrefix(shard, run.Region), a.pingSpan, run, samples, empty, decodePings)
}

// Pings returns the hours that touch [from, to], in order.
func (a *Archive) Pings(ctx context.Context, shard, region string, from, to time.Time) ([]*PingHour, error) {
	prefix := pingPrefix(shard, region)
	return inOrder(between(ctx, a.store, hourKey(prefix, from), hourKey(prefix, to.Add(time.Hour)), decodePings))
}

// LastPings returns the newest HealthCheck run of the shard and region, however long ago it
// was, and whether there is one.
func (a *Archive) LastPings(ctx context.Context, shard, region string, now time.Time) (Run, bool, error) {
	return lastRun(ctx, a, shard, region, pingPrefix(shard, region), a.pingSpan, now, decodePings)
}

func pingPrefix(shard, region string) string { return "hot/v1/" + shard + "/" + region + "/" }

func decodePings(doc store.Doc) (*PingHour, error) {
	h := &PingHour{pingBody{Series: map[string]*pingSeries{}}}
	if err := unpack(doc, h); err != nil {
		return &PingHour{}, err
	}
	for name, s := range h.Series {
		switch {
		case s == nil:
			h.Series[name] = &pingSeries{broken: errors.New("no columns")}
		case len(s.Status) > len(h.List):
			s.broken = errors.New("more samples than runs")
		default:
			s.broken = checkColumns(s.Status.present(), h.Causes, s.Cause, s.Attempts, s.DNS, s.Connect, s.TLS, s.Wait, s.Rest)
		}
	}
	return h, nil
}

// Databases returns the names of all databases with a sample, sorted.
func (h *PingHour) Databases() []string { return slices.Sorted(maps.Keys(h.Series)) }

// Samples returns the database's samples by time. A run without one is a gap.
func (h *PingHour) Samples(database string) ([]report.Sample, error) {
	if s := h.Series[database]; s != nil && s.broken != nil {
		return nil, fmt.Errorf("reading samples of %s: %w", database, s.broken)
	}
	return slices.Collect(h.Each(database)), nil
}

// Each yields the database's samples by time. A run without one is a gap, and so is a
// broken series, for which Samples returns an error.
func (h *PingHour) Each(database string) iter.Seq[report.Sample] {
	s := h.Series[database]
	if s == nil || s.broken != nil {
		return func(func(report.Sample) bool) {}
	}
	each := h.each(*s)
	if slices.IsSortedFunc(h.List, byScheduled) { // as nearly always
		return each
	}
	return slices.Values(slices.SortedStableFunc(each, func(a, b report.Sample) int { return a.At.Compare(b.At) }))
}

// each yields the samples of a series in the order of the runs.
func (h *PingHour) each(series pingSeries) iter.Seq[report.Sample] {
	return func(yield func(report.Sample) bool) {
		s := series // next takes the numbers off this copy's columns
		for i, run := range h.List {
			status, ok := s.Status.at(i)
			if !ok {
				continue
			}
			sample := report.Sample{At: run.Scheduled, Status: status, Cause: h.Causes.name(s.Cause.next()), Attempts: int(s.Attempts.next())}
			dns, connect, tls, wait := s.DNS.next(), s.Connect.next(), s.TLS.next(), s.Wait.next()
			sample.Phases = report.Phases{
				DNS: milliseconds(dns), Connect: milliseconds(connect), TLS: milliseconds(tls), Wait: milliseconds(wait),
				Total: milliseconds(dns + connect + tls + wait + s.Rest.next()),
			}
			if !yield(sample) {
				return
			}
		}
	}
}

func (h *PingHour) pack() (data []byte, dropped, err error) { return packFitting(h, h.Series) }

func (h *PingHour) add(run Run, samples map[string]report.Sample) {
	index := len(h.List)
	h.List = append(h.List, run)
	// In order, so that equal input gives equal bytes.
	for _, database := range slices.Sorted(maps.Keys(samples)) {
		v, s := samples[database], h.Series[database]
		if s == nil || s.broken != nil {
			s = &pingSeries{}
			h.Series[database] = s
		}
		s.Status.set(index, v.Status)
		s.Cause.add(h.Causes.number(v.Cause))
		s.Attempts.add(uint64(max(0, v.Attempts)))
		dns, connect, tls, wait := coarse(v.Phases.DNS), coarse(v.Phases.Connect), coarse(v.Phases.TLS), ticks(v.Phases.Wait)
		s.DNS.add(dns)
		s.Connect.add(connect)
		s.TLS.add(tls)
		s.Wait.add(wait)
		s.Rest.add(max(coarse(v.Phases.Total), dns+connect+tls+wait) - (dns + connect + tls + wait))
	}
}
