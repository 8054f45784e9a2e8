package preflight

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight/sources"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// Prefix is the name space of a run's keys.
const Prefix = "ws:_pongwatch:preflight:"

const (
	// keySeconds is the TTL of every key.
	keySeconds   = 60
	closeTimeout = 5 * time.Second
)

// run is what items share.
type run struct {
	Options
	databases []*database
	failed    map[string]bool
	// known are the secrets that must not appear in a result.
	known []secrets.Value
	// pages are answers of the monitor, by path.
	pages map[string]Page
	// trees are the folders of sources that were listed.
	trees map[string]*sources.Tree
}

// database is one database of a run.
type database struct {
	*config.Database

	credentials config.Credentials
	problem     error           // why there is no client
	client      *upstash.Client // nil with a problem
	target      *check.Target   // shares the answers to PING and INFO
	prefix      string
	written     []any // keys to delete
	used        int64
	account     func() (settings, error) // what the account says; nil until it is asked
}

// newRun reads the credentials of each database that is asked for.
func newRun(ctx context.Context, o Options) *run {
	r := &run{Options: o, failed: map[string]bool{}, pages: map[string]Page{}, trees: map[string]*sources.Tree{}}
	if o.Config == nil {
		return r
	}
	for i := range o.Config.Databases {
		d := &database{Database: &o.Config.Databases[i], prefix: Prefix + rand.Text() + ":"}
		if o.Database != "" && o.Database != d.Name {
			continue
		}
		r.databases = append(r.databases, d)
		d.target = &check.Target{Database: d.Database, Job: report.Metrics, Now: o.Now, Deployments: o.Deployments}
		if d.credentials, d.problem = o.Config.Credentials(ctx, o.Secrets, d.Name, false); d.problem != nil {
			d.target.SetClient(nil, "", check.Unresolved(ctx, d.problem))
		} else {
			r.known = append(r.known, d.credentials.Token)
			template := o.Upstash
			template.URL, template.Token = d.credentials.URL, d.credentials.Token
			d.client, d.problem = upstash.New(template)
			d.target.SetClient(d.client, "", d.problem)
		}
	}
	return r
}

// close deletes what is left and closes connections. It may be called again.
func (r *run) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	for _, d := range r.databases {
		if d.client == nil {
			continue
		}
		if len(d.written) > 0 {
			// What cannot be deleted expires by itself.
			_, _ = d.do(ctx, append(upstash.Command{"DEL"}, d.written...)...)
			d.written = nil
		}
		d.client.CloseIdleConnections()
	}
}

// do runs one billed command.
func (d *database) do(ctx context.Context, args ...any) (upstash.Reply, error) {
	if d.problem != nil {
		return upstash.Reply{}, d.problem
	}
	d.used++
	return d.client.Do(ctx, args...)
}

// pipeline runs billed commands and returns the first error among them.
func (d *database) pipeline(ctx context.Context, commands ...upstash.Command) ([]upstash.Reply, error) {
	if d.problem != nil {
		return nil, d.problem
	}
	d.used += int64(len(commands))
	results, err := d.client.MultiExec(ctx, commands...)
	replies := make([]upstash.Reply, len(results))
	for i, result := range results {
		if err == nil {
			err = result.Err
		}
		replies[i] = result.Reply
	}
	return replies, err
}

// key returns a key of this run, which close deletes.
func (d *database) key(name string) string {
	key := d.prefix + name
	d.written = append(d.written, key)
	return key
}

// causeOf returns the cause of an error of the configuration, of a secret or of Upstash.
func causeOf(err error) cause.Cause {
	if p, ok := errors.AsType[config.Problem](err); ok && p.Cause != "" {
		return p.Cause
	}
	if p, ok := errors.AsType[*check.Problem](err); ok {
		return p.Cause
	}
	return upstash.CauseOf(err)
}

// broken is a failed call as a finding.
func broken(err error) Finding {
	evidence := err.Error()
	if e, ok := errors.AsType[*upstash.Error](err); ok && e.Evidence != "" {
		evidence = e.Evidence
	}
	if p, ok := errors.AsType[config.Problem](err); ok {
		evidence = p.Evidence()
	}
	if p, ok := errors.AsType[*check.Problem](err); ok {
		evidence = p.Evidence
	}
	return because(Fail, causeOf(err), evidence)
}
