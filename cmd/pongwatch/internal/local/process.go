// Package local runs all of pongwatch in one process, for `pongwatch local`: the four
// functions on one port, bbolt for Firestore, a scheduler and a queue that make the
// requests of Cloud Scheduler and Pub/Sub. Without configuration it demonstrates
// pongwatch against an emulated Redis, Slack and mail server.
package local

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
)

// How long stopping may take: pushes in flight finish or are left in the queue, then
// open requests finish or are cut off.
const (
	pushGrace     = 5 * time.Second
	shutdownGrace = 3 * time.Second
)

// Options configure a Process.
type Options struct {
	// Addr is where to serve, "127.0.0.1:8080"; port 0 is any free one.
	Addr string
	// Expose allows others than this machine to reach the pages: at the Hosts, by TLS with
	// the files TLSCert and TLSKey, or through TrustedProxies, addresses or ranges.
	Expose                bool
	Hosts, TrustedProxies []string
	TLSCert, TLSKey       string
	// Own is where this machine asks in plain text if Addr speaks TLS, or at any free port if that one is
	// taken. By default it is where the commands ask, "127.0.0.1:8080".
	Own string
	// Data is the folder that keeps state. Empty is a temporary one in the
	// demonstration, else ./data.
	Data string
	// Every is how often to ping; zero is 5 s in the demonstration, else as configured.
	Every time.Duration
	// RootCAs replaces the system's certificate authorities, Observe is alert.Options'. Both
	// are for tests.
	RootCAs *x509.CertPool
	Observe func(alert.Point)
	// Getenv reads the environment, os.Getenv for one.
	Getenv func(string) string
	// Command is what a person types to run this program, by default "pongwatch".
	Command string
	// By is the name of this machine's person, by default "local".
	By string
	// Out gets what a person should read, Logger the rest.
	Out    io.Writer
	Logger *slog.Logger
}

// Process is a running pongwatch.
type Process struct {
	options  Options
	exposure exposure
	// listener is at Addr. Where that speaks TLS, own is a second one in plain text on
	// loopback, for this machine; otherwise it is the same.
	listener, own net.Listener
	caller        *caller
	server        *http.Server

	config  *config.Config
	secrets *secrets.Cache
	// google reads apps with this machine's Google credentials.
	google *gcp.Clients
	demo   *demo // nil where the real thing is watched

	data      string
	temporary bool
	store     *boltstore.Store
	queue     *bolt.DB
	reports   *topic
	signals   *topic
	alert     *alert.Function
	// setAside says which files could not be read.
	setAside []string
}

// Start listens and sets everything up. Run it, which also closes it.
func Start(ctx context.Context, o Options) (_ *Process, err error) {
	if o.Every < 0 || o.Every > 0 && o.Every < time.Second {
		return nil, fmt.Errorf("--every %v: want at least 1s, such as 30s", o.Every)
	}
	p := &Process{options: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.exposure, err = newExposure(o); err != nil {
		return nil, err
	}
	if err := p.listen(ctx); err != nil {
		return nil, err
	}
	if err := p.configure(ctx); err != nil {
		return nil, err
	}
	if err := p.openData(); err != nil {
		return nil, err
	}
	handler, err := p.handler()
	if err != nil {
		return nil, err
	}
	p.caller.handler = handler
	if p.demo != nil {
		path := ""
		if !p.temporary {
			path = filepath.Join(p.data, "demonstration.json")
		}
		damage, err := p.demo.remember(path, o.Logger)
		if err != nil {
			return nil, err
		}
		p.damaged(damage)
	}
	p.server = newServer(p.exposure, handler, o.Logger)
	return p, nil
}

// newServer returns the server of the whole process, which ends slow requests.
func newServer(e exposure, handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler: e.guard(handler), TLSConfig: e.tls, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		WriteTimeout: pushDeadline + 30*time.Second, // a push may take as long
		ErrorLog:     slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// Demonstrates reports whether this is the demonstration, because nothing is configured.
func (p *Process) Demonstrates() bool { return p.demo != nil }

// URL returns the address of the pages for this machine, without a closing slash.
func (p *Process) URL() string { return p.caller.base }

// pages returns the address of the pages for everyone who may read them.
func (p *Process) pages() string {
	if !p.exposure.open {
		return p.URL()
	}
	return p.exposure.url(p.listener.Addr().(*net.TCPAddr).Port)
}

func (p *Process) listen(ctx context.Context) (err error) {
	listen := (&net.ListenConfig{}).Listen
	if p.listener, err = listen(ctx, "tcp", p.options.Addr); err != nil {
		return fmt.Errorf("listening: %w; --addr 127.0.0.1:0 takes any free port", err)
	}
	if p.own = p.listener; p.exposure.tls != nil {
		if p.own, err = listen(ctx, "tcp", cmp.Or(p.options.Own, "127.0.0.1:8080")); err != nil {
			p.own, err = listen(ctx, "tcp", "127.0.0.1:0")
		}
		if err != nil {
			return fmt.Errorf("listening for this machine: %w", err)
		}
	}
	addr := p.own.Addr().(*net.TCPAddr)
	if addr.IP.IsUnspecified() {
		addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: addr.Port}
	}
	p.caller = newCaller("http://" + addr.String())
	return nil
}

// openData opens the folder and what it keeps.
func (p *Process) openData() (err error) {
	p.data = p.options.Data
	switch {
	case p.data != "":
	case p.demo != nil:
		if p.data, err = os.MkdirTemp("", "pongwatch-"); err != nil {
			return fmt.Errorf("making a temporary folder: %w", err)
		}
		p.temporary = true
	default:
		p.data = "data"
	}
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return fmt.Errorf("making the folder for state: %w", err)
	}
	if p.store, err = boltstore.Open(filepath.Join(p.data, "documents.db"), nil); err != nil {
		return err
	}
	p.damaged(p.store.Damage())
	path := filepath.Join(p.data, "queue.db")
	var damage *boltstore.Damage
	p.queue, damage, err = boltstore.OpenFile(path, time.Now())
	if errors.Is(err, boltstore.ErrHeld) {
		return fmt.Errorf("opening the queue %s: another process holds it; stop that one or give this one another --data", path)
	}
	if err != nil {
		return fmt.Errorf("opening the queue %s: %w", path, err)
	}
	p.damaged(damage)
	if p.reports, err = openTopic(p.queue, "reports", p.caller, p.options.Logger); err != nil {
		return err
	}
	p.signals, err = openTopic(p.queue, "signals", p.caller, p.options.Logger)
	return err
}

// damaged notes that a file was set aside: in the log now, by an incident once Alert runs.
func (p *Process) damaged(d *boltstore.Damage) {
	if d == nil {
		return
	}
	p.options.Logger.Error("file set aside, a new one is begun", "event", "set_aside", "file", d.Path, "kept_as", d.Aside, "error", d.Err)
	p.setAside = append(p.setAside, d.Error())
}

// Run serves, schedules and pushes until ctx ends, then stops these in reverse order.
func (p *Process) Run(ctx context.Context) error {
	served := make(chan error, 2)
	go func() { served <- p.server.Serve(p.own) }()
	if p.own != p.listener {
		go func() { served <- p.server.ServeTLS(p.listener, "", "") }()
	}
	p.greet()
	tick := time.Minute
	if p.demo != nil {
		p.demo.announce(p.options.Out)
		tick = demoTick
	}

	// What an earlier process has left: its claims, and files that cannot be read.
	if err := p.alert.TakeOver(ctx, strings.Join(p.setAside, "; ")); err != nil {
		p.options.Logger.ErrorContext(ctx, "taking over failed", "error", err)
	}
	working, stop := context.WithCancel(ctx)
	var jobs, pushes sync.WaitGroup
	run := func(j schedulerJob) { jobs.Go(func() { schedule(working, j, p.options.Logger) }) }
	run(schedulerJob{name: "tick", every: tick, run: func(ctx context.Context, _ time.Time) error {
		return p.reports.Publish(ctx, report.Tick())
	}})
	for _, shard := range p.config.ShardNames() {
		run(scheduledPost(p.caller, "healthcheck", "/HealthCheck", shard, p.config.Schedule.HealthCheck))
		run(scheduledPost(p.caller, "metrics", "/Metrics", shard, p.config.Schedule.Metrics))
	}
	for _, t := range []*topic{p.reports, p.signals} {
		pushes.Go(func() { t.run(working, pushGrace) })
	}

	var err error
	select {
	case <-ctx.Done():
		fmt.Fprintln(p.options.Out, "stopping")
	case err = <-served:
		err = fmt.Errorf("serving: %w", err)
	}
	stop()
	jobs.Wait()
	pushes.Wait()
	grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	shutdown := p.server.Shutdown(grace)
	if errors.Is(shutdown, context.DeadlineExceeded) {
		// A client's open request is no failure of this process.
		shutdown = p.server.Close()
	}
	return errors.Join(err, shutdown, p.close())
}

// close releases everything that was opened.
func (p *Process) close() error {
	var errs []error
	for _, l := range []net.Listener{p.listener, p.own} {
		if l != nil {
			_ = l.Close() // Serve closes it too
		}
	}
	if p.demo != nil {
		p.demo.close()
	}
	if p.queue != nil {
		errs = append(errs, p.queue.Close())
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	if p.temporary {
		errs = append(errs, os.RemoveAll(p.data))
	}
	return errors.Join(errs...)
}
