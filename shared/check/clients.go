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
		return nil, "", Unresolved(ctx, err)
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

// Unresolved names the reason for which credentials could not be had, as a [Problem].
func Unresolved(ctx context.Context, err error) error {
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

// Account reads what Upstash's management API knows of databases: the month's commands,
// which the database itself does not report, and whether the account still serves it. It
// is safe for concurrent use.
type Account struct {
	settings config.Management
	cache    *secrets.Cache
	template upstash.Options

	mu     sync.Mutex
	client *upstash.Management
	key    secrets.Value
	email  string
}

// NewAccount returns the account of the configuration, nil where it has none. Its key
// is read through cache when it is first used. template has everything but URL and
// Token.
func NewAccount(c *config.Config, cache *secrets.Cache, template upstash.Options) *Account {
	if !c.Management.Configured() {
		return nil
	}
	return &Account{settings: c.Management, cache: cache, template: template}
}

// Close closes the connections that the client keeps.
func (a *Account) Close() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client != nil {
		a.client.CloseIdleConnections()
	}
}

// bill is what the account knows of a database and its month.
type bill struct {
	upstash.Database
	upstash.Stats
	err error
}

func (a *Account) read(ctx context.Context, id string) (b bill) {
	client, err := a.Client(ctx)
	if err == nil {
		b.Database, err = client.Database(ctx, id)
	}
	if err == nil && !b.Active() {
		err = &Problem{Cause: cause.StatsState, Evidence: "the account says that the database is " + b.State}
	}
	if err == nil {
		b.Stats, err = client.Stats(ctx, id)
	}
	b.err = err
	return b
}

// Actions reads what was done in the account since then.
func (a *Account) Actions(ctx context.Context, since time.Time) ([]upstash.Action, error) {
	client, err := a.Client(ctx)
	if err != nil {
		return nil, err
	}
	return client.Actions(ctx, since)
}

// bill asks the account once, and returns nil where the database has none.
func (t *Target) bill(ctx context.Context) *bill {
	if t.Account == nil || t.Database.DatabaseID == "" {
		return nil
	}
	if t.billed == nil {
		t.billed = new(t.Account.read(ctx, t.Database.DatabaseID))
	}
	return t.billed
}

// Client returns a client with the key in force.
func (a *Account) Client(ctx context.Context) (*upstash.Management, error) {
	email, err := a.settings.Email.Get(ctx, a.cache)
	if err != nil {
		return nil, Unresolved(ctx, err)
	}
	key, err := a.settings.APIKey.Get(ctx, a.cache)
	if err != nil {
		return nil, Unresolved(ctx, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client != nil && a.email == email.Value.Reveal() && a.key.Equal(key.Value) {
		return a.client, nil
	}
	options := a.template
	options.URL, options.Token = a.settings.URL, key.Value
	client, err := upstash.NewManagement(email.Value.Reveal(), options)
	if err != nil {
		return nil, err
	}
	if a.client != nil {
		a.client.CloseIdleConnections()
	}
	a.client, a.email, a.key = client, email.Value.Reveal(), key.Value
	return client, nil
}
