package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/store"
)

const (
	// OverviewDays is for how many days, today among them, an overview counts pings.
	OverviewDays = 31
	// overviewKept is how long an overview that is no longer renewed is kept.
	overviewKept = 400 * day
)

// Overview is what is known of a shard, however long ago it was seen. Metrics keeps one
// for each shard, and brings it up to date once an hour. It holds what its hours hold up to
// Until; a reader learns the later hours from their documents.
type Overview struct {
	Shard string `json:"shard"`
	// Until is the beginning of the first hour that is not in it.
	Until time.Time `json:"until,omitzero"`
	// Compacted names the days whose pings were counted from their summary.
	Compacted []string `json:"compacted,omitempty"`
	// Runs has the last run of HealthCheck by region, and that of Metrics under "".
	Runs      map[string]Run    `json:"runs"`
	Databases map[string]*Known `json:"databases"`

	version string
}

const overviewPrefix = "overviews/v1/"

// NewOverview returns the overview of a shard of which nothing is known.
func NewOverview(shard string) *Overview {
	return &Overview{Shard: shard, Runs: map[string]Run{}, Databases: map[string]*Known{}}
}

// Overview returns what is kept of the shard; where nothing is, or what is kept cannot be
// read, it is empty.
func (a *Archive) Overview(ctx context.Context, shard string) (*Overview, error) {
	doc, err := a.store.Get(ctx, overviewPrefix+shard)
	if errors.Is(err, store.ErrNotFound) {
		return NewOverview(shard), nil
	}
	if err != nil {
		return NewOverview(shard), fmt.Errorf("reading the overview of %s: %w", shard, err)
	}
	return decodeOverview(doc)
}

// Overviews returns the overviews of all shards there are and were, by name. It leaves out
// those that cannot be read, which the error names.
func (a *Archive) Overviews(ctx context.Context) (map[string]*Overview, error) {
	out := map[string]*Overview{}
	var failed error
	from, to := store.Prefix(overviewPrefix)
	for doc, err := range a.store.Range(ctx, from, to) {
		if err != nil {
			return out, errors.Join(failed, fmt.Errorf("reading overviews: %w", err))
		}
		o, err := decodeOverview(doc)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		out[o.Shard] = o
	}
	return out, failed
}

func decodeOverview(doc store.Doc) (*Overview, error) {
	shard := strings.TrimPrefix(doc.Key, overviewPrefix)
	o := NewOverview(shard)
	if err := unpack(doc, o); err != nil {
		o = NewOverview(shard)
		o.version = doc.Version
		return o, fmt.Errorf("reading the overview of %s: %w", shard, err)
	}
	o.Shard, o.version = shard, doc.Version
	if o.Runs == nil {
		o.Runs = map[string]Run{}
	}
	if o.Databases == nil {
		o.Databases = map[string]*Known{}
	}
	maps.DeleteFunc(o.Databases, func(_ string, k *Known) bool { return k == nil })
	return o, nil
}

// Regions are those of which the shard has pings, sorted.
func (o *Overview) Regions() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(o.Runs)), func(region string) bool { return region == "" })
}

// Since is from when on a reader must learn hours: Until, or where that is not known as
// long ago as hours are kept.
func (a *Archive) Since(o *Overview, now time.Time) time.Time {
	if !o.Until.IsZero() {
		return o.Until
	}
	return now.UTC().Add(-a.retention).Truncate(time.Hour)
}

// Uncounted is the first day whose summary is not in the overview and may be there: a day
// is compacted while its hours are kept, or never.
func (a *Archive) Uncounted(o *Overview, now time.Time) time.Time {
	today := now.UTC().Truncate(day)
	t := today.Add(-(OverviewDays - 1) * day)
	if least := today.Add(-a.retention - 2*day); len(o.Compacted) > 0 && t.Before(least) {
		t = least
	}
	for slices.Contains(o.Compacted, t.Format(dayLayout)) {
		t = t.Add(day)
	}
	return t
}

// Renew learns the hours that have settled by now, and the days that were compacted
// meanwhile, and keeps the overview, which it returns. Documents that cannot be read are
// named by the error and left out.
func (a *Archive) Renew(ctx context.Context, c Compaction, now time.Time) (*Overview, error) {
	o, failed := a.Overview(ctx, c.Shard)
	if failed != nil && o.version == "" {
		return o, failed
	}
	until := now.Add(-CompactAfter).UTC().Truncate(time.Hour)
	today := now.UTC().Truncate(day)
	learned := false
	if from := a.Uncounted(o, now); from.Before(today) {
		days, err := a.Days(ctx, c.Shard, from, today.Add(-day))
		if err != nil {
			return o, err
		}
		for _, d := range days {
			failed = errors.Join(failed, d.Broken)
			learned = o.LearnDay(d) || learned
		}
	}
	from := a.Since(o, now)
	if !learned && !until.After(from) {
		return o, failed
	}
	if until.After(from) {
		last := until.Add(-time.Second)
		for _, region := range union(c.Regions, o.Regions()) {
			hours, err := a.Pings(ctx, c.Shard, region, from, last)
			if err != nil {
				return o, err
			}
			failed = errors.Join(failed, brokenOf(hours))
			o.LearnPings(region, hours)
		}
		hours, err := a.Readings(ctx, c.Shard, from, last)
		if err != nil {
			return o, err
		}
		failed = errors.Join(failed, brokenOf(hours))
		o.LearnReadings(hours)
		o.Until = until
	}
	o.prune(today.Add(-(OverviewDays - 1) * day))
	data, dropped, err := packFitting(o, o.Databases)
	if err != nil {
		return o, fmt.Errorf("writing the overview of %s: %w", c.Shard, err)
	}
	_, err = a.store.Put(ctx, store.Doc{Key: overviewPrefix + c.Shard, Data: data, Version: o.version, ExpiresAt: now.Add(overviewKept), Schema: schema})
	if err != nil && !errors.Is(err, store.ErrConflict) { // another instance made the same of the same
		return o, fmt.Errorf("writing the overview of %s: %w", c.Shard, err)
	}
	return o, errors.Join(failed, dropped)
}

// prune forgets days before oldest, and databases of which nothing is newer.
func (o *Overview) prune(oldest time.Time) {
	first := oldest.Format(dayLayout)
	o.Compacted = slices.DeleteFunc(o.Compacted, func(d string) bool { return d < first })
	for name, k := range o.Databases {
		recent := !k.ReadAt.Before(oldest)
		for region, p := range k.Regions {
			p.Days = slices.DeleteFunc(p.Days, func(d DayPings) bool { return d.Day < first })
			k.Regions[region] = p
			recent = recent || !p.Last.At.Before(oldest)
		}
		for _, c := range k.Checks {
			recent = recent || !c.Last.At.Before(oldest)
		}
		if !recent {
			delete(o.Databases, name)
		}
	}
}

func (o *Overview) known(name string) *Known {
	if o.Databases[name] == nil {
		o.Databases[name] = &Known{}
	}
	return o.Databases[name]
}

// LearnDay counts the pings of a day as its summary has them, unless that was done.
func (o *Overview) LearnDay(d *Day) bool {
	date := d.Begin.Format(dayLayout)
	if d.Broken != nil || slices.Contains(o.Compacted, date) {
		return false
	}
	o.Compacted = append(o.Compacted, date)
	slices.Sort(o.Compacted)
	for name, of := range d.Of {
		for _, s := range of.Regions {
			known := o.known(name)
			// It stands in place of what was counted from hours.
			p, there := known.Regions[s.Region]
			first := d.Begin
			if there {
				p.Days = slices.DeleteFunc(p.Days, func(d DayPings) bool { return d.Day == date })
				known.Regions[s.Region] = p
			}
			if p.First.After(first) && p.First.Before(first.Add(day)) {
				first = p.First
			}
			known.pings(s.Region, KnownPings{First: first, Days: []DayPings{{date, s.Good, s.Failed}}})
		}
	}
	return true
}

// LearnPings counts the hours' pings from a region, and keeps the last run and pings.
func (o *Overview) LearnPings(region string, hours []*PingHour) {
	for _, h := range hours {
		o.ran(region, h.Runs)
		date := h.Begin.Format(dayLayout)
		for name, of := range h.Of {
			var p KnownPings
			var counted Summary
			for s := range of.All() {
				if counted.count(s.Status); p.First.IsZero() {
					p.First = s.At
				}
				p.Last = s
			}
			if p.First.IsZero() {
				continue
			}
			if !slices.Contains(o.Compacted, date) {
				p.Days = []DayPings{{date, counted.Good, counted.Failed}}
			}
			o.known(name).pings(region, p)
		}
	}
}

// LearnReadings keeps what the hours' readings knew last.
func (o *Overview) LearnReadings(hours []*GaugeHour) {
	for _, h := range hours {
		o.ran("", h.Runs)
		for name, r := range h.Of {
			o.known(name).Merge(r.known())
		}
	}
}

func (o *Overview) ran(region string, runs []Run) {
	if n := len(runs); n > 0 && runs[n-1].Scheduled.After(o.Runs[region].Scheduled) {
		o.Runs[region] = runs[n-1]
	}
}

// union is the names of both lists, each once.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}
