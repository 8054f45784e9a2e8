package history

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// PingHour is the pings of one hour, shard and region.
type PingHour struct{ body pingBody }

type pingBody struct {
	Shard     string                 `json:"shard"`
	Region    string                 `json:"region"`
	Runs      runs                   `json:"runs"`
	Causes    causes                 `json:"causes,omitempty"`
	Databases map[string]*pingSeries `json:"databases"`
}

// pingSeries is one database's samples. Status has one letter for each run up to
// the last in which the database was watched; the columns have one number for each
// letter that is not absent.
type pingSeries struct {
	Status   string `json:"status"`
	Cause    column `json:"cause"`
	Attempts column `json:"attempts"`
	DNS      column `json:"dns"`
	Connect  column `json:"connect"`
	TLS      column `json:"tls"`
	Wait     column `json:"wait"`
	// Rest is total minus the other phases.
	Rest column `json:"rest"`

	// broken says why a document that was read has no samples here.
	broken error
}

// AppendPings adds a HealthCheck run: one sample for each database, whose At is the
// run's. A run that is already there changes nothing.
func (a *Archive) AppendPings(ctx context.Context, shard string, run Run, samples map[string]report.Sample) error {
	fresh := func(data []byte, schema int) (*PingHour, error) {
		if data == nil {
			return &PingHour{pingBody{Shard: shard, Region: run.Region, Databases: map[string]*pingSeries{}}}, nil
		}
		return DecodePings(data, schema)
	}
	return appending[*PingHour]{
		a.store, &a.pings, pingPrefix(shard, run.Region), run, a.retention, fresh, func(h *PingHour) { h.add(run, samples) },
	}.do(ctx)
}

// Pings returns the hours that touch [from, to], in order.
func (a *Archive) Pings(ctx context.Context, shard, region string, from, to time.Time) ([]*PingHour, error) {
	return documents(ctx, a.store, pingPrefix(shard, region), from, to, DecodePings)
}

// LastPings returns the newest HealthCheck run of the shard and region that is not
// older than the hour before now's, and whether there is one.
func (a *Archive) LastPings(ctx context.Context, shard, region string, now time.Time) (Run, bool, error) {
	h, ok, err := latest(ctx, a.store, pingPrefix(shard, region), now, func(d store.Doc) (*PingHour, error) { return DecodePings(d.Data, d.Schema) })
	if err != nil || !ok {
		return Run{}, false, err
	}
	run, ok := h.body.Runs.last()
	return run, ok, nil
}

func pingPrefix(shard, region string) string { return "hot/v1/" + shard + "/" + region + "/" }

// DecodePings reads a document's data.
func DecodePings(data []byte, schema int) (*PingHour, error) {
	h := &PingHour{}
	if err := unpack(data, schema, &h.body); err != nil {
		return nil, err
	}
	if h.body.Databases == nil {
		h.body.Databases = map[string]*pingSeries{}
	}
	var before *pingSeries
	for name, s := range h.body.Databases {
		if s == nil || len(s.Status) > len(h.body.Runs) {
			return nil, fmt.Errorf("decoding: database %q has more samples than there are runs", name)
		}
		s.broken = checkColumns(s.samples(), h.body.Causes, s.Cause, s.Attempts, s.DNS, s.Connect, s.TLS, s.Wait, s.Rest)
		if before != nil {
			s.share(before)
		}
		before = s
	}
	return h, nil
}

// Hour is when the hour begins, zero while it has no run.
func (h *PingHour) Hour() time.Time { return h.body.Runs.hour() }

// Runs returns the hour's runs by scheduled time.
func (h *PingHour) Runs() []Run {
	return slices.SortedFunc(slices.Values(h.body.Runs), func(a, b Run) int { return a.Scheduled.Compare(b.Scheduled) })
}

// Databases returns the names of all databases with a sample, sorted.
func (h *PingHour) Databases() []string { return slices.Sorted(maps.Keys(h.body.Databases)) }

// Samples returns the database's samples by time. A run without one is a gap.
func (h *PingHour) Samples(database string) ([]report.Sample, error) {
	if s, ok := h.body.Databases[database]; ok && s.broken != nil {
		return nil, fmt.Errorf("reading samples of %s: %w", database, s.broken)
	}
	return slices.Collect(h.Each(database)), nil
}

// Each yields the database's samples by time. A run without one is a gap, and so are the
// runs of a broken column, of which Samples tells.
func (h *PingHour) Each(database string) iter.Seq[report.Sample] {
	s, ok := h.body.Databases[database]
	if !ok || s.broken != nil {
		return func(func(report.Sample) bool) {}
	}
	each := s.each(h.body.Runs, h.body.Causes)
	if h.body.Runs.inOrder() {
		return each
	}
	return slices.Values(slices.SortedStableFunc(each, func(a, b report.Sample) int { return a.At.Compare(b.At) }))
}

func (h *PingHour) has(t time.Time) bool    { return h.body.Runs.has(t) }
func (h *PingHour) encode() ([]byte, error) { return pack(h.body) }

func (h *PingHour) add(run Run, samples map[string]report.Sample) {
	index := len(h.body.Runs)
	h.body.Runs = append(h.body.Runs, run)
	// In order, so that equal input gives equal bytes.
	for _, database := range slices.Sorted(maps.Keys(samples)) {
		s := h.body.Databases[database]
		if s == nil {
			s = &pingSeries{}
			h.body.Databases[database] = s
		}
		s.add(index, samples[database], &h.body.Causes)
	}
}

func (s *pingSeries) add(index int, v report.Sample, c *causes) {
	s.Status += strings.Repeat(string(absent), index-len(s.Status)) + string(letter(v.Status))
	s.Cause.add(c.number(v.Cause))
	s.Attempts.add(uint64(max(0, v.Attempts)))
	dns, connect, tls, wait := coarse(v.Phases.DNS), coarse(v.Phases.Connect), coarse(v.Phases.TLS), ticks(v.Phases.Wait)
	s.DNS.add(dns)
	s.Connect.add(connect)
	s.TLS.add(tls)
	s.Wait.add(wait)
	s.Rest.add(max(coarse(v.Phases.Total), dns+connect+tls+wait) - (dns + connect + tls + wait))
}

// share keeps what is the same as another database's in the same memory: most have
// nothing but first attempts that went well.
func (s *pingSeries) share(with *pingSeries) {
	if s.Status == with.Status {
		s.Status = with.Status
	}
	s.Cause, s.Attempts = s.Cause.shared(with.Cause), s.Attempts.shared(with.Attempts)
}

// samples is how many there are.
func (s *pingSeries) samples() int { return len(s.Status) - strings.Count(s.Status, string(absent)) }

// each yields the samples in the order of the runs.
func (s *pingSeries) each(all runs, known causes) iter.Seq[report.Sample] {
	return func(yield func(report.Sample) bool) {
		of := *s // whose columns are read to their ends
		for i := range len(of.Status) {
			if of.Status[i] == absent {
				continue
			}
			sample := report.Sample{
				At: all[i].Scheduled, Status: status(of.Status[i]), Cause: known.name(of.Cause.next()), Attempts: int(of.Attempts.next()),
			}
			dns, connect, tls, wait := of.DNS.next(), of.Connect.next(), of.TLS.next(), of.Wait.next()
			sample.Phases = report.Phases{
				DNS: milliseconds(dns), Connect: milliseconds(connect), TLS: milliseconds(tls), Wait: milliseconds(wait),
				Total: milliseconds(dns + connect + tls + wait + of.Rest.next()),
			}
			if !yield(sample) {
				return
			}
		}
	}
}
