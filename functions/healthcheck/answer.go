package healthcheck

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

const (
	// liveTimeout bounds one live attempt; a second one follows only a quick failure.
	liveTimeout = 2 * time.Second
	liveBudget  = liveTimeout + 500*time.Millisecond
	liveRetry   = time.Second
	livePause   = 200 * time.Millisecond
	// answerFresh is for how long an answer is repeated: a load balancer that asks
	// every second, from everywhere, costs one ping in five.
	answerFresh = 5 * time.Second
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
	LatencyMS *float64        `json:"latency_ms,omitempty"`
	Phases    *report.Phases  `json:"phases_ms,omitempty"`
	Region    string          `json:"region,omitempty"`
	CheckedAt time.Time       `json:"checked_at"`
	Incidents []IncidentBrief `json:"incidents,omitempty"`
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

// answers keeps each database's last answer for a moment. All callers that ask meanwhile
// share one ping.
type answers struct {
	now    func() time.Time
	flight singleflight.Group

	mu   sync.Mutex
	kept map[string]Health
}

func (a *answers) get(database string, ask func() Health) Health {
	a.mu.Lock()
	h, ok := a.kept[database]
	a.mu.Unlock()
	if ok && a.now().Sub(h.CheckedAt) < answerFresh {
		return h
	}
	shared, _, _ := a.flight.Do(database, func() (any, error) {
		h := ask()
		a.mu.Lock()
		defer a.mu.Unlock()
		a.kept[database] = h
		return h, nil
	})
	return shared.(Health)
}

// redis answers whether Redis can be used now.
func (f *Function) redis(w http.ResponseWriter, r *http.Request) {
	var h Health
	if name := r.URL.Query().Get("database"); name == "" {
		h = f.askAll(r.Context())
	} else if d := f.config.Database(name); d != nil {
		h = f.ask(r.Context(), d)
	} else {
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
	status := http.StatusOK
	if !h.Status.Usable() {
		status = http.StatusServiceUnavailable
	}
	job.WriteJSON(w, status, h)
}

// askAll asks about every database at once and returns the worst answer.
func (f *Function) askAll(ctx context.Context) Health {
	all := make([]Health, len(f.config.Databases))
	var wg sync.WaitGroup
	for i := range f.config.Databases {
		wg.Go(func() { all[i] = f.ask(ctx, &f.config.Databases[i]) })
	}
	wg.Wait()
	slices.SortStableFunc(all, func(a, b Health) int {
		return cmp.Or(b.Status.badness()-a.Status.badness(), strings.Compare(a.Database, b.Database))
	})
	if len(all) == 0 {
		return Health{Status: StatusError, Title: "No database is configured", CheckedAt: f.now().UTC()}
	}
	worst := all[0]
	if len(all) == 1 {
		return worst
	}
	worst.Databases = all
	if worst.Status == StatusConnected {
		worst.Database, worst.LatencyMS, worst.Phases = "", nil, nil // it speaks for all
	}
	return worst
}

// ask answers about one database. The ping belongs to all callers that wait for it, so
// it outlives the first one's request.
func (f *Function) ask(ctx context.Context, d *config.Database) Health {
	ctx = context.WithoutCancel(ctx)
	return f.answers.get(d.Name, func() (h Health) {
		defer func() {
			if recover() != nil { // its value may hold anything; one bug must not end the process
				h = Health{Status: StatusConnected, Database: d.Name, Region: f.options.Region, CheckedAt: f.now().UTC()}
				h.worsen(StatusError, cause.MonitorPanic, "asking for a PONG panicked")
			}
		}()
		ctx, cancel := context.WithTimeout(ctx, liveBudget)
		defer cancel()
		return f.judge(ctx, d, f.pingNow(ctx, d))
	})
}

// pingNow asks, and once more after a failure that came quickly.
func (f *Function) pingNow(ctx context.Context, d *config.Database) []report.Observation {
	t := &check.Target{Database: d, Job: report.HealthCheck, Region: f.options.Region, Now: f.options.Now}
	begun := f.now()
	f.liveClients.Prepare(ctx, t, false)
	if again, fresh := retry(t.PingAgain(ctx), false); again && f.now().Sub(begun) < liveRetry && sleep(ctx, livePause) {
		f.liveClients.Prepare(ctx, t, fresh)
		t.PingAgain(ctx)
	}
	every := f.config.Every(report.HealthCheck)
	var out []report.Observation
	for _, s := range check.Specs(report.HealthCheck, d, every) {
		s.Every = every // a person asks, so everything is due
		out = append(out, check.Run(ctx, t, []check.Spec{s}, f.now(), every)...)
	}
	return out
}

// judge joins what the ping showed with what is open.
func (f *Function) judge(ctx context.Context, d *config.Database, observations []report.Observation) Health {
	h := Health{Status: StatusConnected, Database: d.Name, Region: f.options.Region, CheckedAt: f.now().UTC()}
	for _, o := range observations {
		if o.Check == report.Ping && o.Status == report.OK && o.Phases != nil {
			h.LatencyMS, h.Phases = new(o.Phases.Wait), o.Phases
		}
		h.worsen(statusOfObservation(o), o.Cause, o.Evidence)
	}
	open, err := f.open.of(ctx, d.Shard, d.Name)
	if err != nil {
		h.IncidentsUnknown = true
		f.log.WarnContext(ctx, "incidents not read", slog.String("event", "state_failed"), slog.Any("error", err))
	}
	for _, i := range open {
		h.Incidents = append(h.Incidents, IncidentBrief{ID: i.Short(), Check: string(i.Series.Check), Cause: string(i.Cause), Since: i.Since})
		h.worsen(statusOfIncident(i), i.Cause, i.Observation.Evidence)
	}
	return h
}
