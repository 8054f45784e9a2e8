package gcp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun"
	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/gcp/pubsub"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/store"
)

// Clients are the Google clients of one function. Each looks for credentials on first use.
type Clients struct {
	*cloudrun.Client

	environment Environment
	secrets     *secrets.Cache
	source      func(context.Context) (*secretmanager.Source, error)
	store       func(context.Context) (store.Store, error)
	pubsub      func(context.Context) (*pubsub.Client, error)
}

// NewClients returns the clients for an environment. It connects to nothing.
func NewClients(e Environment) *Clients {
	c := &Clients{
		Client:      cloudrun.New(e.CloudRunEmulator, e.MonitoringEmulator),
		environment: e,
		source: lazy(0, func(ctx context.Context) (*secretmanager.Source, error) {
			return secretmanager.New(ctx, e.SecretManagerEmulator)
		}),
		store: lazy(0, func(ctx context.Context) (store.Store, error) {
			if e.Project == "" {
				return nil, fmt.Errorf("%s is not set: want the project's id, such as \"my-project\"", ProjectVariable)
			}
			return firestore.New(ctx, firestore.Options{Project: e.Project, Database: e.Database, EmulatorHost: e.FirestoreEmulator})
		}),
		pubsub: lazy(0, func(ctx context.Context) (*pubsub.Client, error) { return pubsub.New(ctx, e.PubSubEmulator) }),
	}
	c.secrets = secrets.NewCache(func(ctx context.Context, name string) (secrets.Secret, error) {
		s, err := c.source(ctx)
		if err != nil {
			return secrets.Secret{}, fmt.Errorf("%w: %w", secrets.ErrUnavailable, err)
		}
		return s.Access(ctx, name)
	}, nil)
	return c
}

// Secrets returns the cache of secrets.
func (c *Clients) Secrets() *secrets.Cache { return c.secrets }

// NewestSecret returns a secret's newest version, and when it was added. It reads no content.
func (c *Clients) NewestSecret(ctx context.Context, secret string) (version string, added time.Time, err error) {
	source, err := c.source(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	return source.Newest(ctx, secret)
}

// Store returns the documents.
func (c *Clients) Store(ctx context.Context) (store.Store, error) { return c.store(ctx) }

// Reports returns the publisher to the topic of reports.
func (c *Clients) Reports(ctx context.Context) (report.Publisher, error) {
	return c.topic(ctx, ReportsVariable, c.environment.Reports)
}

// Signals returns the publisher to the topic of signals.
func (c *Clients) Signals(ctx context.Context) (report.Publisher, error) {
	return c.topic(ctx, SignalsVariable, c.environment.Signals)
}

func (c *Clients) topic(ctx context.Context, variable, name string) (report.Publisher, error) {
	if name == "" {
		return nil, fmt.Errorf("%s is not set: want a topic, such as \"projects/my-project/topics/pongwatch-reports\"", variable)
	}
	if !strings.Contains(name, "/") && c.environment.Project != "" {
		name = "projects/" + c.environment.Project + "/topics/" + name
	}
	client, err := c.pubsub(ctx)
	if err != nil {
		return nil, err
	}
	topic, err := client.Topic(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return topic, nil
}
