package preflight

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// Prefix is the name space of a run's keys.
const Prefix = "ws:_pongwatch:preflight:"

const (
	// keySeconds is after how long a key that could not be deleted goes.
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
	watch watched
}

// database is one database with what was learned of it.
type database struct {
	*config.Database
	run *run

	resolved    bool
	credentials config.Credentials
	problem     error // why there are no credentials
	client      *upstash.Client
	pinged      *upstash.PingResult
	info        *upstash.Info
	prefix      string
	written     []string // keys to delete
	used        int64
}

func newRun(o Options) *run {
	r := &run{Options: o, failed: map[string]bool{}}
	if o.Config == nil {
		return r
	}
	for i := range o.Config.Databases {
		if d := &o.Config.Databases[i]; o.Database == "" || o.Database == d.Name {
			r.databases = append(r.databases, &database{Database: d, run: r, prefix: Prefix + rand.Text() + ":"})
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
			_, _ = d.do(ctx, append(upstash.Command{"DEL"}, anys(d.written)...)...)
			d.written = nil
		}
		d.client.CloseIdleConnections()
	}
}

func (r *run) commands() int64 {
	var n int64
	for _, d := range r.databases {
		n += d.used
	}
	return n
}

// resolve finds URL and token, once.
func (d *database) resolve(ctx context.Context) error {
	if d.resolved {
		return d.problem
	}
	d.resolved = true
	d.credentials, d.problem = d.run.Config.Credentials(ctx, d.run.Secrets, d.Name)
	if d.problem != nil {
		return d.problem
	}
	d.run.known = append(d.run.known, d.credentials.Token)
	o := d.run.Upstash
	o.URL, o.Token = d.credentials.URL, d.credentials.Token
	d.client, d.problem = upstash.New(o)
	return d.problem
}

// ping asks for a PONG, once.
func (d *database) ping(ctx context.Context) upstash.PingResult {
	if d.pinged == nil {
		result := upstash.PingResult{Err: d.resolve(ctx)}
		if result.Err == nil {
			result = d.client.Ping(ctx)
		}
		d.pinged = &result
	}
	return *d.pinged
}

// figures asks INFO, once.
func (d *database) figures(ctx context.Context) (upstash.Info, error) {
	if d.info != nil {
		return *d.info, nil
	}
	if err := d.resolve(ctx); err != nil {
		return upstash.Info{}, err
	}
	info, err := d.client.Info(ctx)
	if err == nil {
		d.info = &info
	}
	return info, err
}

// do runs one billed command.
func (d *database) do(ctx context.Context, args ...any) (upstash.Reply, error) {
	if err := d.resolve(ctx); err != nil {
		return upstash.Reply{}, err
	}
	d.used++
	return d.client.Do(ctx, args...)
}

// pipeline runs billed commands and returns the first error among them.
func (d *database) pipeline(ctx context.Context, commands ...upstash.Command) ([]upstash.Reply, error) {
	if err := d.resolve(ctx); err != nil {
		return nil, err
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

// key returns a key of this run, which is deleted at its end.
func (d *database) key(name string) string {
	key := d.prefix + name
	d.written = append(d.written, key)
	return key
}

// causeOf returns the cause of an error of the configuration or of Upstash.
func causeOf(err error) cause.Cause {
	if p, ok := errors.AsType[config.Problem](err); ok && p.Cause != "" {
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
	return because(Fail, causeOf(err), evidence)
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = text
	}
	return out
}
