package metrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

const (
	// measuring bounds reading Alert's state and what users notice.
	measuring = 8 * time.Second
	// mostImpacts bounds how many services are measured in a run, those of the worst incidents first.
	mostImpacts = 10
	// longestImpact bounds for how long back an incident is measured.
	longestImpact = 24 * time.Hour
	// beforeImpact is the span before a failure that it is compared with.
	beforeImpact = time.Hour
)

// changes returns what was changed in the last hour, as far as the configuration asks for it. What
// cannot be read is logged, and no message mentions it.
func (f *Function) changes(ctx context.Context, r job.Round) []report.Change {
	found, err := f.options.Changes.Read(ctx, f.config, r.Shard, r.Scheduled)
	if err != nil {
		f.log.WarnContext(ctx, "changes not read", slog.String("event", "changes_failed"), slog.String("shard", r.Shard), slog.Any("error", err))
	}
	return found
}

// impacts measures what users of apps notice of the shard's open incidents.
func (f *Function) impacts(ctx context.Context, r job.Round) []report.Impact {
	if f.options.Traffic == nil || !f.measures(r.Shard) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, measuring)
	defer cancel()
	asked, err := f.questions(ctx, r)
	impacts := make([]report.Impact, len(asked))
	errs := make([]error, len(asked))
	job.Each(len(asked), func(i int) { impacts[i], errs[i] = f.measure(ctx, asked[i], r.Scheduled) })
	if err = errors.Join(err, errors.Join(errs...)); err != nil {
		f.log.WarnContext(ctx, "impact not measured", slog.String("event", "impact_failed"), slog.String("shard", r.Shard), slog.Any("error", err))
	}
	return slices.DeleteFunc(impacts, func(i report.Impact) bool { return i.During.Requests == 0 })
}

// measures reports whether any app of the shard is to be measured, because Alert's state is
// otherwise not read.
func (f *Function) measures(shard string) bool {
	return slices.ContainsFunc(f.config.InShard(shard), func(d *config.Database) bool {
		return slices.ContainsFunc(d.Apps, func(app config.App) bool { return app.Impact })
	})
}

// question is one service that is measured for one incident.
type question struct {
	incident, service string
	cloudRun          string
	since             time.Time
	// own is how many requests pongwatch makes of the service each time that it asks apps, every so often.
	own   int64
	every time.Duration
}

// questions reads Alert's state for what is open, the worst first.
func (f *Function) questions(ctx context.Context, r job.Round) ([]question, error) {
	doc, err := f.options.Store.Get(ctx, incident.StateKey(r.Shard))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading open incidents: %w", err)
	}
	state, err := incident.Decode(doc.Data)
	if err != nil {
		return nil, fmt.Errorf("reading open incidents: %w", err)
	}
	var open []*incident.Incident
	for _, i := range state.Incidents {
		if i.Open() && !i.Drill {
			open = append(open, i)
		}
	}
	slices.SortFunc(open, func(a, b *incident.Incident) int {
		return cmp.Or(b.Severity.Compare(a.Severity), cmp.Compare(b.ID, a.ID)) // the newest of equals
	})
	var all []question
	for _, i := range open {
		d := f.config.Database(i.Series.Database)
		if d == nil {
			continue
		}
		for _, app := range d.Apps {
			if !app.Impact || i.Series.Check == report.MockMode && i.Series.Subject != app.Service {
				continue
			}
			q := question{incident: i.ID, service: cmp.Or(app.Service, path.Base(app.CloudRun)), cloudRun: app.CloudRun, since: i.Failing(), every: max(d.Checks.MockMode.Every, f.config.Schedule.HealthCheck)}
			if app.HealthURL != "" && d.Checks.MockMode.Enabled {
				q.own = int64(max(1, len(f.config.RegionsOf(r.Shard))))
			}
			all = append(all, q)
		}
	}
	return all[:min(len(all), mostImpacts)], nil
}

// measure reads one service's traffic since the failure and before it. An impact without
// requests is not known: there were none, or Cloud Monitoring does not have them yet.
func (f *Function) measure(ctx context.Context, q question, now time.Time) (report.Impact, error) {
	from := q.since
	if earliest := now.Add(-longestImpact); from.Before(earliest) {
		from = earliest
	}
	i := report.Impact{Incident: q.incident, Service: q.service, Since: from, Own: q.own * int64(now.Sub(from)/q.every+1)}
	if now.Sub(from) < cloudrun.Shortest {
		return i, nil
	}
	var err error
	if i.During, err = f.options.Traffic(ctx, q.cloudRun, from, now); err == nil {
		i.Before, err = f.options.Traffic(ctx, q.cloudRun, q.since.Add(-beforeImpact), q.since)
	}
	if errors.Is(err, cloudrun.ErrNoData) {
		return i, nil
	}
	if err != nil {
		return report.Impact{}, fmt.Errorf("measuring %s: %w", q.service, err)
	}
	return i, nil
}
