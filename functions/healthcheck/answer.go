package healthcheck

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

const (
	// liveBudget bounds the attempts at one database while a person waits.
	liveBudget = 2500 * time.Millisecond
	// few is how many databases are pinged while a person waits. More of them are answered from
	// the last run, because so many handshakes at once would fail by themselves.
	few = 10
)

// Health is the answer to GET /api/v1/health/redis.
type Health struct {
	Status Status `json:"status"`
	// Database is empty where the answer is about all of them.
	Database string `json:"database,omitempty"`
	// Cause, Title and Fix say why the status is not connected.
	Cause    string   `json:"cause,omitempty"`
	Title    string   `json:"title,omitempty"`
	Evidence string   `json:"evidence,omitempty"`
	Fix      []string `json:"fix,omitempty"`
	Playbook string   `json:"playbook,omitempty"`
	// LatencyMS is the first byte of the PONG minus the request.
	LatencyMS *float64       `json:"latency_ms,omitempty"`
	Phases    *report.Phases `json:"phases_ms,omitempty"`
	Region    string         `json:"region,omitempty"`
	// CheckedAt is when the database was asked, and AgeSeconds how long ago that was: of the
	// database that was asked first where the answer is about all of them.
	CheckedAt  time.Time `json:"checked_at,omitzero"`
	AgeSeconds int64     `json:"age_seconds"`
	// Incidents are open; they were read so many seconds ago.
	Incidents           []IncidentBrief `json:"incidents,omitempty"`
	IncidentsAgeSeconds int64           `json:"incidents_age_seconds"`
	// IncidentsUnknown says that open incidents could not be read: the answer is the
	// ping's alone, which is blind to a full database and to mock mode.
	IncidentsUnknown bool `json:"incidents_unknown,omitempty"`
	// Databases is the answer about each where there are several, the worst first.
	Databases []Health `json:"databases,omitempty"`
}

// IncidentBrief is an open incident.
type IncidentBrief struct {
	ID    string    `json:"id"`
	Check string    `json:"check"`
	Cause string    `json:"cause,omitempty"`
	Since time.Time `json:"since"`
}

// redis answers whether Redis can be used now.
func (f *Function) redis(w http.ResponseWriter, r *http.Request) {
	var asked []*config.Database
	for _, name := range r.URL.Query()["database"] {
		if name == "" {
			continue
		}
		d := f.config.Database(name)
		if d == nil {
			names := make([]string, 0, len(f.config.Databases))
			for _, d := range f.config.Databases {
				names = append(names, d.Name)
			}
			job.WriteJSON(w, http.StatusNotFound, struct {
				Error     string   `json:"error"`
				Databases []string `json:"databases"`
			}{"database " + report.CutEvidence(name) + " is not configured", names})
			return
		}
		asked = append(asked, d)
	}
	if len(asked) == 0 {
		for i := range f.config.Databases {
			asked = append(asked, &f.config.Databases[i])
		}
	}
	h := f.answer(r.Context(), asked)
	status := http.StatusOK
	if !h.Status.Usable() {
		status = http.StatusServiceUnavailable
	}
	job.WriteJSON(w, status, h)
}

// answer returns the worst answer about the databases. What is asked for it belongs to all
// callers that wait, so it outlives the first one's request.
func (f *Function) answer(ctx context.Context, asked []*config.Database) Health {
	if len(asked) == 0 {
		return Health{Status: StatusError, Title: "No database is configured", CheckedAt: f.now().UTC()}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*liveBudget)
	defer cancel()
	all := f.answers(ctx, asked)
	slices.SortStableFunc(all, func(a, b Health) int {
		return cmp.Or(b.Status.badness()-a.Status.badness(), strings.Compare(a.Database, b.Database))
	})
	worst := all[0]
	if len(all) == 1 {
		return worst
	}
	worst.Databases = all
	if worst.Status == StatusConnected {
		worst.Database, worst.LatencyMS, worst.Phases = "", nil, nil // it speaks for all
		for _, h := range all {
			if h.CheckedAt.Before(worst.CheckedAt) {
				worst.CheckedAt, worst.AgeSeconds = h.CheckedAt, h.AgeSeconds
			}
			worst.IncidentsAgeSeconds = max(worst.IncidentsAgeSeconds, h.IncidentsAgeSeconds)
			worst.IncidentsUnknown = worst.IncidentsUnknown || h.IncidentsUnknown
		}
	}
	return worst
}

// answers returns an answer about each of the databases. Many are not asked now: the last run
// answers. Those that it does not know are asked if they are few.
func (f *Function) answers(ctx context.Context, asked []*config.Database) []Health {
	var shards []string
	for _, d := range asked {
		if !slices.Contains(shards, d.Shard) {
			shards = append(shards, d.Shard)
		}
	}
	open := make([]known, len(shards))
	unread := make([]error, len(shards))
	job.Each(len(shards), func(i int) {
		open[i] = f.openIn(ctx, shards[i])
		if len(asked) > few {
			unread[i] = f.recall(ctx, shards[i])
		}
	})
	all := make([]Health, len(asked))
	var live []int
	for i, d := range asked {
		h, ok := f.kept.last(d.Name, f.now())
		if len(asked) > few && ok && f.now().Sub(h.CheckedAt) <= f.lateAfter(d) {
			all[i] = h
			continue
		}
		live = append(live, i)
		all[i] = Health{Status: StatusUnknown, Title: "No check has run lately", Database: d.Name, Region: f.options.Region}
		if unread[slices.Index(shards, d.Shard)] != nil {
			all[i].Title = "The last check could not be read"
		}
	}
	if len(live) <= few {
		job.Each(len(live), func(i int) { all[live[i]] = f.ask(ctx, asked[live[i]]) })
	}
	for i, d := range asked {
		all[i].join(open[slices.Index(shards, d.Shard)], f.now())
	}
	return all
}

// lateAfter is for how long the last run's answer about the database counts.
func (f *Function) lateAfter(d *config.Database) time.Duration {
	every := f.config.Every(report.HealthCheck)
	return f.config.Alerting.Missing.After(max(every, d.Checks.Ping.Every))
}

// ask answers about one database by a PONG, unless the last answer is fresh.
func (f *Function) ask(ctx context.Context, d *config.Database) Health {
	if h, ok := f.kept.last(d.Name, f.now()); ok && f.now().Sub(h.CheckedAt) < fresh {
		return h
	}
	shared, _, _ := f.kept.flight.Do(d.Name, func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, liveBudget)
		defer cancel()
		t := f.target(d)
		f.people.ask(ctx, t)
		return f.kept.put(f.judge(ctx, t, f.now()), f.now()), nil
	})
	return shared.(Health)
}

// target is the database without its apps.
func (f *Function) target(d *config.Database) *check.Target {
	return &check.Target{Database: d, Job: report.HealthCheck, Region: f.options.Region, Now: f.options.Now}
}

// judge says what the target's ping showed.
func (f *Function) judge(ctx context.Context, t *check.Target, at time.Time) Health {
	h := Health{Status: StatusConnected, Database: t.Database.Name, Region: t.Region, CheckedAt: at.UTC()}
	every := f.config.Every(report.HealthCheck)
	d := *t.Database
	d.Checks.Ping.Enabled = true // it was asked, also where runs do not
	for _, s := range check.Specs(report.HealthCheck, &d, every) {
		s.Every = every // a person asks, so everything is due
		for _, o := range check.Run(ctx, t, []check.Spec{s}, at, every) {
			if o.Check == report.Ping && o.Status == report.OK && o.Phases != nil {
				h.LatencyMS, h.Phases = new(o.Phases.Wait), o.Phases
			}
			h.worsen(statusOfObservation(o), o.Cause, o.Evidence)
		}
	}
	return h
}

// join adds what is open, and how old both halves are.
func (h *Health) join(open known, now time.Time) {
	if !h.CheckedAt.IsZero() {
		h.AgeSeconds = int64(now.Sub(h.CheckedAt).Seconds())
	}
	if open.err != nil {
		h.IncidentsUnknown = true
		return
	}
	h.IncidentsAgeSeconds = int64(now.Sub(open.at).Seconds())
	for _, i := range open.byDatabase[h.Database] {
		h.Incidents = append(h.Incidents, IncidentBrief{ID: i.Short(), Check: string(i.Series.Check), Cause: string(i.Cause), Since: i.Since})
		h.worsen(statusOfIncident(i), i.Cause, i.Observation.Evidence)
	}
}
