package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/text"
)

// storedReport reads an incident, and the latency around it, from Firestore.
func storedReport(ctx context.Context, project, id string) (incidentReport, error) {
	env := gcp.ReadEnvironment(os.Getenv)
	env.Project = project
	documents, err := gcp.NewClients(env).Store(ctx)
	if err != nil {
		return incidentReport{}, err
	}
	return documentReport(ctx, documents, id, time.Now())
}

func documentReport(ctx context.Context, documents store.Store, id string, now time.Time) (incidentReport, error) {
	first, last := store.Prefix("incidents/v1/")
	var all []incidents.Incident
	var unread []string
	for doc, err := range documents.Range(ctx, first, last) {
		if err != nil {
			return incidentReport{}, fmt.Errorf("reading incidents: %w", err)
		}
		d, err := incident.DecodeDocument(doc.Data)
		if name := doc.Key[strings.LastIndexByte(doc.Key, '/')+1:]; err != nil && incident.MatchID(id, name) {
			unread = append(unread, doc.Key)
		}
		if err != nil || !incident.MatchID(id, d.ID) {
			continue // another one may be damaged
		}
		text.Outside(&d, maxShown)
		i := incidents.FromDocument(d, now)
		if d.Resolved.IsZero() {
			i.State = incidents.StateOpen
		}
		all = append(all, i)
	}
	i, err := only(id, all, unread)
	if err != nil {
		return incidentReport{}, err
	}
	rep := newReport(i, now)
	if i.Database == report.MonitorDatabase {
		return rep, nil
	}
	if rep.Latency, rep.Missing, err = storedLatency(ctx, documents, i, now); err != nil {
		return incidentReport{}, fmt.Errorf("reading the latency: %w", err)
	}
	return rep, nil
}

// storedLatency reads the pings around an incident: days that were compacted, and the hours
// since. It returns nil where there are none any more, and names the documents that cannot be read.
func storedLatency(ctx context.Context, documents store.Store, i incidents.Incident, now time.Time) (_ *latency, missing []string, err error) {
	from, to := i.Since.Add(-latencyBefore), i.Resolved.Add(latencyAfter)
	if i.Resolved.IsZero() {
		to = now
	}
	archive := history.New(documents)
	days, err := archive.Samples(ctx, i.Database, from, to)
	if err != nil {
		return nil, nil, err
	}
	regions, err := storedRegions(ctx, documents, i.Shard)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range days {
		regions = slices.AppendSeq(regions, maps.Keys(d.Of))
		if d.Broken != nil {
			missing = append(missing, "samples of "+d.Begin.Format(time.DateOnly))
		}
	}
	region, ok := nearest(regions, i)
	if !ok {
		return nil, missing, nil
	}
	hours, err := archive.Pings(ctx, i.Shard, region, from, to)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range hours {
		if h.Broken != nil {
			missing = append(missing, "pings of "+text.Stamp(h.Begin))
		}
	}
	out := latency{Region: region, Points: points(days, hours, region, i.Database, from, to)}
	if len(out.Points) == 0 {
		return nil, missing, nil
	}
	return &out, missing, nil
}

// storedRegions returns the regions that ping the shard's databases, as far as Alert has heard.
func storedRegions(ctx context.Context, documents store.Store, shard string) ([]string, error) {
	doc, err := documents.Get(ctx, incident.StateKey(shard))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := incident.Decode(doc.Data)
	if err != nil {
		return nil, nil //nolint:nilerr // days name their regions, too
	}
	var regions []string
	for job := range s.Jobs {
		if region, ok := strings.CutPrefix(job, string(report.HealthCheck)+"@"); ok {
			regions = append(regions, region)
		}
	}
	return regions, nil
}

// nearest returns a region that saw the incident, else one that reported, else the first by name.
func nearest(regions []string, i incidents.Incident) (string, bool) {
	slices.Sort(regions)
	for _, r := range slices.Concat(i.SeenBy, i.Voters, regions) {
		if slices.Contains(regions, r) {
			return r, true
		}
	}
	return "", false
}

// points sums up a database's pings between two times, in at most latencyPoints steps: those of days,
// and those of hours of other days.
func points(days []*history.SampleDay, hours []*history.PingHour, region, database string, from, to time.Time) []point {
	step := stepOf(to.Sub(from))
	from = from.Truncate(step)
	tallies := map[time.Time]*history.Tally{}
	add := func(s report.Sample) {
		if s.At.Before(from) || !s.At.Before(to) {
			return
		}
		at := s.At.Truncate(step)
		if tallies[at] == nil {
			tallies[at] = &history.Tally{}
		}
		tallies[at].Add(s)
	}
	covered := map[time.Time]bool{}
	for _, d := range days {
		for s := range d.Of[region].All() {
			covered[d.Begin] = true
			add(s)
		}
	}
	for _, h := range hours {
		if covered[h.Begin.Truncate(24*time.Hour)] {
			continue
		}
		for s := range h.Of[database].All() {
			add(s)
		}
	}
	var out []point
	for at, t := range tallies {
		if sum := t.Summary(); sum.Good+sum.Failed > 0 {
			out = append(out, point{At: at, P50: sum.P50, P95: sum.P95, Good: sum.Good, Failed: sum.Failed})
		}
	}
	slices.SortFunc(out, func(a, b point) int { return a.At.Compare(b.At) })
	return out
}
