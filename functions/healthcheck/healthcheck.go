// Package healthcheck is the function that asks every database for a PONG.
//
// POST is a scheduled run over one shard: it asks every database, asks again where that failed,
// publishes one report, and only then writes history. GET /api/v1/health/redis answers in
// one word whether Redis can be used: of a few databases by asking now, of many from the
// last run. GET /health is about pongwatch itself.
package healthcheck

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/version"
)

// mount is the path under which a framework that serves several functions at once
// puts this one.
const mount = "/HealthCheck"

// Options are what the function needs. Config, Region, Reports, Store and Resolve are
// required.
type Options struct {
	Config *config.Config
	// Region is where this instance runs; it is the source of its observations.
	Region string
	// Reports is the topic of reports.
	Reports report.Publisher
	// Store holds history, which is written, and Alert's state, which is read.
	Store store.Store
	// Resolve finds the databases' credentials.
	Resolve check.Resolve
	// Upstash is the template of every client: all but URL, Token and Timeout.
	Upstash upstash.Options

	// Deployments reads how apps are deployed on Cloud Run; nil reads none.
	Deployments check.Deployments

	// Authorize guards scheduled runs; nil refuses every POST.
	Authorize func(http.Handler) http.Handler
	// Readers guard the pages.
	Readers access.Readers

	// Version is pongwatch's own, for reports. Optional.
	Version string
	// Now returns the time; nil is time.Now.
	Now func() time.Time
	// Logger is optional.
	Logger *slog.Logger
}

// Function is the HealthCheck function.
type Function struct {
	*access.Mux

	options Options
	config  *config.Config
	archive *history.Archive
	// runs and people ask databases, each at their own tempo.
	runs, people asker
	apps         *check.Apps
	log          *slog.Logger
	now          func() time.Time

	kept kept
	open repeated[known]
	// recalled are the shards of which history was read.
	recalled repeated[recalled]
	// unread says that the last answer of /health could not read history.
	unread atomic.Bool

	canaryTransport http.RoundTripper
}

// New returns the function.
func New(o Options) (*Function, error) { return newFunction(o, unhurried) }

func newFunction(o Options, t tempo) (*Function, error) {
	switch {
	case o.Config == nil:
		return nil, errors.New("making HealthCheck: Config is missing")
	case o.Region == "":
		return nil, errors.New(`making HealthCheck: Region is empty, want where it runs, such as "us-east4"`)
	case o.Reports == nil, o.Store == nil, o.Resolve == nil:
		return nil, errors.New("making HealthCheck: Reports, Store and Resolve are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Function{
		options: o, config: o.Config, log: o.Logger, now: o.Now,
		archive: history.New(o.Store).Keep(o.Config.History.HotDays).Pace(o.Config.Schedule.HealthCheck, o.Config.Schedule.Metrics, o.Config.LargestShard()),
		runs:    newAsker(o, t), people: newAsker(o, hasty),
		apps: check.NewApps(o.Config, nil),
		kept: kept{byDatabase: map[string]Health{}},
		canaryTransport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
			DialContext: (&net.Dialer{Timeout: canaryTimeout}).DialContext, TLSHandshakeTimeout: canaryTimeout,
		},
	}
	readers := o.Readers.Guard(f.config.Access.Health)
	runner := &job.Runner{
		Job: report.HealthCheck, Region: o.Region, Version: o.Version,
		Every: f.config.Every(report.HealthCheck), Shards: f.config.ShardNames(),
		Reports: o.Reports, Observe: f.observe, Now: f.now, Log: f.log,
	}
	f.Mux = access.NewMux(mount)
	// A function is asked on any path: Scheduler uses the service's own address.
	f.Handle("POST /", access.Callers(o.Authorize), runner)
	f.Handle("GET /api/v1/health/redis", readers, http.HandlerFunc(f.redis))
	f.Handle("GET /health", readers, http.HandlerFunc(f.health))
	f.Handle("GET /", access.Anyone(), job.NotFound("/api/v1/health/redis", "/health"))
	return f, nil
}

// Handler returns the deployed function: it reads its configuration and makes its
// clients when the first request comes, and answers 503 for as long as that fails.
func Handler(getenv func(string) string) http.Handler {
	return gcp.Deployed(getenv, func(ctx context.Context, s gcp.Setup) (http.Handler, error) {
		c, clients := s.Config, s.Clients
		reports, err := clients.Reports(ctx)
		if err != nil {
			return nil, err
		}
		documents, err := clients.Store(ctx)
		if err != nil {
			return nil, err
		}
		authorize, err := s.Environment.Callers(c.Access.Health != config.AccessIAM, s.Logger, "access.invokers", c.Access.Invokers...)
		if err != nil {
			return nil, err
		}
		return New(Options{
			Config: c, Region: s.Environment.Region, Reports: reports, Store: documents,
			Resolve:     check.FromConfig(c, clients.Secrets()),
			Deployments: clients.Environment,
			Authorize:   authorize, Readers: access.Readers{Tokens: access.FromConfig(c, clients.Secrets()), Logger: s.Logger},
			Version: version.Release, Logger: s.Logger,
		})
	})
}
