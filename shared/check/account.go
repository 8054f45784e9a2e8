package check

import (
	"context"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

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
	client, err := a.currentClient(ctx)
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
	client, err := a.currentClient(ctx)
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

// currentClient returns a client with the key in force.
func (a *Account) currentClient(ctx context.Context) (*upstash.Management, error) {
	email, err := a.settings.Email.Get(ctx, a.cache)
	if err != nil {
		return nil, unresolved(ctx, err)
	}
	key, err := a.settings.APIKey.Get(ctx, a.cache)
	if err != nil {
		return nil, unresolved(ctx, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client != nil && a.email == email.Value.Reveal() && a.key.Equal(key.Value) {
		return a.client, nil
	}
	client, err := upstash.NewManagement(upstash.ManagementOptions{
		Email: email.Value.Reveal(), APIKey: key.Value, BaseURL: a.settings.URL, Connection: a.template,
	})
	if err != nil {
		return nil, err
	}
	if a.client != nil {
		a.client.CloseIdleConnections()
	}
	a.client, a.email, a.key = client, email.Value.Reveal(), key.Value
	return client, nil
}
