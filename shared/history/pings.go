package history

import (
	"context"
	"fmt"
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
	for name, s := range h.body.Databases {
		if s == nil || len(s.Status) > len(h.body.Runs) {
			return nil, fmt.Errorf("decoding: database %q has more samples than there are runs", name)
		}
	}
	return h, nil
}

// Runs returns the hour's runs by scheduled time.
func (h *PingHour) Runs() []Run {
	return slices.SortedFunc(slices.Values(h.body.Runs), func(a, b Run) int { return a.Scheduled.Compare(b.Scheduled) })
}

// Databases returns the names of all databases with a sample, sorted.
func (h *PingHour) Databases() []string { return slices.Sorted(maps.Keys(h.body.Databases)) }

// Samples returns the database's samples by time. A run without one is a gap.
func (h *PingHour) Samples(database string) ([]report.Sample, error) {
	return h.AppendSamples(nil, database)
}

// AppendSamples appends the database's samples by time. Of an hour with a broken column
// it appends nothing.
func (h *PingHour) AppendSamples(to []report.Sample, database string) ([]report.Sample, error) {
	s, ok := h.body.Databases[database]
	if !ok {
		return to, nil
	}
	out, err := s.appendTo(to, h.body.Runs, h.body.Causes)
	if err != nil {
		return to, fmt.Errorf("reading samples of %s: %w", database, err)
	}
	byTime := func(a, b report.Sample) int { return a.At.Compare(b.At) }
	if of := out[len(to):]; !slices.IsSortedFunc(of, byTime) {
		slices.SortStableFunc(of, byTime)
	}
	return out, nil
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

func (s *pingSeries) appendTo(out []report.Sample, all runs, c causes) ([]report.Sample, error) {
	n := len(s.Status) - strings.Count(s.Status, string(absent))
	var columns [7][]uint64
	values := make([]uint64, 0, 7*min(n, len(s.Status)))
	for i, col := range []column{s.Cause, s.Attempts, s.DNS, s.Connect, s.TLS, s.Wait, s.Rest} {
		from := len(values)
		var err error
		if values, err = col.appendTo(values, n); err != nil {
			return nil, err
		}
		columns[i] = values[from:]
	}
	before := len(out)
	out = slices.Grow(out, n)
	for i := range len(s.Status) {
		if s.Status[i] == absent {
			continue
		}
		k := len(out) - before
		name, err := c.name(columns[0][k])
		if err != nil {
			return nil, err
		}
		dns, connect, tls, wait, rest := columns[2][k], columns[3][k], columns[4][k], columns[5][k], columns[6][k]
		out = append(out, report.Sample{
			At: all[i].Scheduled, Status: status(s.Status[i]), Cause: name, Attempts: int(columns[1][k]),
			Phases: report.Phases{
				DNS: milliseconds(dns), Connect: milliseconds(connect), TLS: milliseconds(tls), Wait: milliseconds(wait),
				Total: milliseconds(dns + connect + tls + wait + rest),
			},
		})
	}
	return out, nil
}
