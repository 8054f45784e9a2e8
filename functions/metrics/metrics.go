// Package metrics is the function that reads the databases' figures and shows them.
//
// POST is a scheduled run over one shard: INFO and the checks that cost commands, one
// report, and then history. GET answers with the statistics that history and Alert's state
// hold, as the dashboard, as JSON, for Prometheus and as pictures, and with the playbooks.
package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/dashboard"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/change"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/version"
)

// mount is the path under which a framework that serves several functions at once
// puts this one.
const mount = "/Metrics"

// attemptTimeout bounds one request to a database. A run makes three at most.
const attemptTimeout = 4 * time.Second

// Options are what the function needs. Config, Region, Reports, Store and Resolve are
// required.
type Options struct {
	Config *config.Config
	// Region is where this instance runs.
	Region string
	// Reports is the topic of reports.
	Reports report.Publisher
	// Store holds history, which is written, and Alert's state, which is read.
	Store store.Store
	// Resolve finds the databases' credentials.
	Resolve check.Resolve
	// Account reads the databases' monthly commands; nil leaves a lower bound.
	Account *check.Account
	// Changes is where changes are looked for.
	Changes change.Sources
	// Traffic reads the requests of a Cloud Run service for its impact; nil reads none. A span without
	// requests is an error.
	Traffic func(ctx context.Context, service string, from, to time.Time) (report.Traffic, error)
	// Upstash is the template of every client: all but URL, Token and Timeout.
	Upstash upstash.Options
	// ProofKeys finds the keys that sign requests for a proof of an app's mode. Nil asks for none.
	ProofKeys check.Keys

	// Authorize guards scheduled runs; nil refuses every POST.
	Authorize func(http.Handler) http.Handler
	// Readers guard the pages.
	Readers access.Readers

	// Actor knows who may acknowledge and silence on the dashboard. Nil knows no one.
	Actor access.Actor
	// Links lead from every page to what else there is.
	Links []dashboard.Link

	// Build is pongwatch's own, for reports and pages. Optional.
	Build version.Build
	// Now returns the time; nil is time.Now.
	Now func() time.Time
	// Logger is optional.
	Logger *slog.Logger
}

// Function is the Metrics function.
type Function struct {
	*access.Mux

	options Options
	config  *config.Config
	hash    string // the configuration's
	archive *history.Archive
	clients *check.Clients
	apps    *check.Apps
	log     *slog.Logger
	now     func() time.Time
	reader  *statistics.Reader
	turn    chan struct{} // who holds it makes an answer

	compacted atomic.Value // the hour up to which history is compacted, a time.Time
}

// New returns the function.
func New(o Options) (*Function, error) {
	switch {
	case o.Config == nil:
		return nil, errors.New("making Metrics: Config is missing")
	case o.Region == "":
		return nil, errors.New(`making Metrics: Region is empty, want where it runs, such as "us-east4"`)
	case o.Reports == nil, o.Store == nil, o.Resolve == nil:
		return nil, errors.New("making Metrics: Reports, Store and Resolve are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	template := o.Upstash
	template.Timeout = attemptTimeout
	f := &Function{
		options: o, config: o.Config, hash: o.Config.Hash(), log: o.Logger, now: o.Now,
		archive: history.New(o.Store).Keep(o.Config.History.HotDays).Pace(o.Config.Schedule.HealthCheck, o.Config.Schedule.Metrics, o.Config.LargestShard()),
		clients: check.NewClients(o.Resolve, template), apps: check.NewApps(o.Config, o.ProofKeys), turn: make(chan struct{}, 1),
	}
	f.reader = statistics.NewReader(statistics.Options{
		Config: o.Config, Store: o.Store, Archive: f.archive, Region: o.Region, Version: o.Build.Version, Now: o.Now, Log: o.Logger,
	})
	f.Mux = f.routes()
	return f, nil
}

func (f *Function) routes() *access.Mux {
	a, readers := f.config.Access, f.options.Readers
	// One page that is not left to IAM opens the service, and with it the others.
	readers.Open = readers.Open || a.MetricsOpen()
	run := &job.Runner{
		Job: report.Metrics, Region: f.options.Region, Version: f.options.Build.Version,
		Every: f.config.Every(report.Metrics), Shards: f.config.ShardNames(),
		Reports: f.options.Reports, Observe: f.observe, Now: f.now, Log: f.log,
	}
	mux := access.NewMux(mount)
	// Scheduler posts to the service's own address, whatever its path.
	mux.Handle("POST /", access.Callers(f.options.Authorize), f.compacts(run))
	mux.Handle("GET /api/v1/admin/redis-metrics", readers.Guard(a.API).Inside(f.shared), f.asked(true, f.statistics))
	mux.Handle("OPTIONS /api/v1/admin/redis-metrics", access.Anyone().Inside(f.shared), http.HandlerFunc(allowed))
	mux.Handle("GET /api/v1/admin/redis-metrics/schema.json", readers.Guard(a.API), http.HandlerFunc(f.schema))
	mux.Handle("GET /metrics", readers.Guard(a.OpenMetrics), f.asked(false, f.openMetrics))
	mux.Handle("GET /chart.svg", readers.Guard(a.Badges), f.asked(true, f.chart))
	mux.Handle("GET /badge.svg", readers.Guard(a.Badges), f.asked(true, f.badge))
	mux.Handle("POST /act", access.Actors(f.options.Actor), http.HandlerFunc(f.act))
	mux.Handle("GET /playbooks", readers.Guard(a.Playbooks), http.HandlerFunc(f.playbooks))
	mux.Handle("GET /playbooks/{cause}", readers.Guard(a.Playbooks), http.HandlerFunc(f.playbook))
	mux.Handle("GET /assets/{name...}", access.Anyone(), http.HandlerFunc(f.asset))
	mux.Handle("GET /{$}", readers.Guard(a.Dashboard), f.asked(true, f.dashboard))
	mux.Handle("GET /", access.Anyone(), http.HandlerFunc(f.notFound))
	return mux
}

var notFound = job.NotFound("/", "/api/v1/admin/redis-metrics", "/metrics", "/chart.svg", "/badge.svg", "/playbooks", "/playbooks/{cause}")
