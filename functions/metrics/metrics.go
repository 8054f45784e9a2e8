// Package metrics is the function that reads the databases' figures and shows them.
//
// POST is a scheduled run over one shard: INFO and the checks that cost commands, one
// report, and then history. GET answers with the statistics that history and Alert's state
// hold, as the dashboard, as JSON, for Prometheus and as pictures, and with the playbooks.
package metrics

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/upstash"
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
	// Upstash is the template of every client: all but URL, Token and Timeout.
	Upstash upstash.Options
	// ProofKeys finds the keys that sign requests for a proof of an app's mode. Nil asks for none.
	ProofKeys check.Keys

	// Authorize guards POST where IAM does not; nil lets every request through.
	Authorize func(http.Handler) http.Handler
	// ReadTokens are the tokens of config's access.tokens.
	ReadTokens access.Tokens

	// Version is pongwatch's own, for reports. Optional.
	Version string
	// Now returns the time; nil is time.Now.
	Now func() time.Time
	// Logger is optional.
	Logger *slog.Logger
}

// Function is the Metrics function.
type Function struct {
	options Options
	config  *config.Config
	hash    string // the configuration's
	archive *history.Archive
	clients *check.Clients
	apps    *check.Apps
	log     *slog.Logger
	now     func() time.Time
	reader  *statistics.Reader
	handler http.Handler

	compacted sync.Map // the day up to which a shard is compacted, a time.Time, by shard
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
	if o.Authorize == nil {
		o.Authorize = func(h http.Handler) http.Handler { return h }
	}
	template := o.Upstash
	template.Timeout = attemptTimeout
	f := &Function{
		options: o, config: o.Config, hash: o.Config.Hash(), log: o.Logger, now: o.Now,
		archive: history.New(o.Store).Keep(o.Config.History.HotDays).Pace(o.Config.Schedule.HealthCheck, o.Config.Schedule.Metrics, o.Config.LargestShard()),
		clients: check.NewClients(o.Resolve, template), apps: check.NewApps(o.Config, o.ProofKeys),
	}
	f.reader = statistics.NewReader(statistics.Options{
		Config: o.Config, Store: o.Store, Archive: f.archive, Region: o.Region, Version: o.Version, Now: o.Now, Log: o.Logger,
	})
	f.handler = f.routes()
	return f, nil
}

// ServeHTTP implements [http.Handler].
func (f *Function) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.handler.ServeHTTP(w, r) }

func (f *Function) routes() http.Handler {
	a := f.config.Access
	guard := func(s config.Surface, h http.HandlerFunc) http.Handler {
		return access.Guard(s, a.MetricsOpen(), f.options.ReadTokens, h)
	}
	run := &job.Runner{
		Job: report.Metrics, Region: f.options.Region, Version: f.options.Version,
		Every: f.config.Every(report.Metrics), Shards: f.config.ShardNames(),
		Reports: f.options.Reports, Observe: f.observe, Now: f.now, Log: f.log,
	}
	mux := http.NewServeMux()
	// Scheduler posts to the service's own address, whatever its path.
	mux.Handle("POST /", f.options.Authorize(f.compacts(run)))
	mux.Handle("GET /api/v1/admin/redis-metrics", shared(a, guard(a.API, f.asked(f.statistics))))
	mux.Handle("OPTIONS /api/v1/admin/redis-metrics", shared(a, nil))
	mux.Handle("GET /api/v1/admin/redis-metrics/schema.json", guard(a.API, schema))
	mux.Handle("GET /metrics", guard(a.OpenMetrics, f.asked(f.openMetrics)))
	mux.Handle("GET /chart.svg", guard(a.Badges, f.asked(f.chart)))
	mux.Handle("GET /badge.svg", guard(a.Badges, f.asked(f.badge)))
	mux.Handle("GET /playbooks/{cause}", guard(a.Playbooks, f.playbook))
	mux.HandleFunc("GET /assets/{name...}", asset)
	mux.Handle("GET /{$}", guard(a.Dashboard, f.asked(f.dashboard)))
	mux.Handle("GET /", notFound)
	return job.Unmounted(mount, mux)
}

var notFound = job.NotFound("/", "/api/v1/admin/redis-metrics", "/metrics", "/chart.svg", "/badge.svg", "/playbooks/{cause}")
