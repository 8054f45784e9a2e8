package check

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// Resolve finds a database's credentials; fresh asks for them to be read again, since
// the database has refused them. Its errors are redacted.
type Resolve func(ctx context.Context, d *config.Database, fresh bool) (config.Credentials, error)

// FromConfig resolves credentials as the configuration says, with secrets from cache.
func FromConfig(c *config.Config, cache *secrets.Cache) Resolve {
	return func(ctx context.Context, d *config.Database, fresh bool) (config.Credentials, error) {
		return c.Credentials(ctx, cache, d.Name, fresh)
	}
}

// Clients keeps a client for each database, and makes a new one when its credentials
// change. It is safe for concurrent use.
type Clients struct {
	resolve  Resolve
	template upstash.Options

	mu   sync.Mutex
	kept map[string]keptClient
}

type keptClient struct {
	credentials config.Credentials
	client      *upstash.Client
	resolved    time.Time
}

// resolvedFor is for how long credentials are not looked up anew. A token that is
// refused before is read again at once, as it is between the secret cache's reads.
const resolvedFor = 5 * time.Minute

// NewClients returns an empty pool. template has everything but URL and Token.
func NewClients(resolve Resolve, template upstash.Options) *Clients {
	return &Clients{resolve: resolve, template: template, kept: map[string]keptClient{}}
}

// Prepare gives the target its client, or the reason for which it has none. It does not
// connect. With fresh it reads the credentials again.
func (c *Clients) Prepare(ctx context.Context, t *Target, fresh bool) {
	client, version, err := c.client(ctx, t.Database, fresh)
	t.SetClient(client, version, err)
}

// Close closes the connections that clients keep.
func (c *Clients) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kept {
		k.client.CloseIdleConnections()
	}
}

func (c *Clients) client(ctx context.Context, d *config.Database, fresh bool) (*upstash.Client, string, error) {
	for _, p := range d.Problems {
		if p.Stops {
			return nil, "", &Problem{Cause: p.Cause, Evidence: p.Evidence()}
		}
	}
	c.mu.Lock()
	k, ok := c.kept[d.Name]
	c.mu.Unlock()
	if ok && !fresh && time.Since(k.resolved) < resolvedFor {
		return k.client, k.credentials.Version, nil
	}
	credentials, err := c.resolve(ctx, d, fresh)
	if err != nil {
		return nil, "", unresolved(ctx, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok = c.kept[d.Name]
	if ok && k.credentials.URL == credentials.URL && k.credentials.Token.Equal(credentials.Token) {
		k.credentials, k.resolved = credentials, time.Now()
		c.kept[d.Name] = k
		return k.client, credentials.Version, nil
	}
	options := c.template
	options.URL, options.Token = credentials.URL, credentials.Token
	client, err := upstash.New(options)
	if err != nil {
		return nil, "", err
	}
	if ok {
		k.client.CloseIdleConnections()
	}
	c.kept[d.Name] = keptClient{credentials, client, time.Now()}
	return client, credentials.Version, nil
}

// unresolved names the reason for which credentials could not be had.
func unresolved(ctx context.Context, err error) error {
	var problem config.Problem
	switch {
	case errors.As(err, &problem):
		return &Problem{
			Cause: problem.Cause, Evidence: problem.Evidence(),
			missingURL: problem.Cause == cause.ConfigMissing && strings.HasSuffix(problem.Key, ".url"),
		}
	case errors.Is(err, secrets.ErrDenied):
		return &Problem{Cause: cause.MonitorSecretDenied, Evidence: err.Error()}
	case errors.Is(err, secrets.ErrNotFound), errors.Is(err, secrets.ErrDisabled), errors.Is(err, secrets.ErrEmpty):
		return &Problem{Cause: cause.MonitorSecretMissing, Evidence: err.Error()}
	case ctx.Err() != nil:
		return errInterrupted
	default:
		return &Problem{Cause: cause.MonitorSecretUnavailable, Evidence: err.Error()}
	}
}
