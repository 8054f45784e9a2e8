package gcp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudmonitoring"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun"
	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/gcp/pubsub"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/store"
)

// Clients are the Google clients of one function, each made on first use.
type Clients struct {
	environment Environment
	source      *lazy[*secretmanager.Source]
	secrets     *secrets.Cache
	store       *lazy[*firestore.Store]
	pubsub      *lazy[*pubsub.Client]
	cloudrun    *lazy[*cloudrun.Client]
	monitoring  *lazy[*cloudmonitoring.Client]
}

// NewClients returns the clients for an environment. It connects to nothing.
func NewClients(e Environment) *Clients {
	source := newLazy(func(ctx context.Context) (*secretmanager.Source, error) {
		return secretmanager.New(ctx, e.SecretManagerEmulator)
	})
	access := func(ctx context.Context, name string) (secrets.Secret, error) {
		s, err := source.Get(ctx)
		if err != nil {
			return secrets.Secret{}, fmt.Errorf("%w: %w", secrets.ErrUnavailable, err)
		}
		return s.Access(ctx, name)
	}
	return &Clients{
		environment: e,
		source:      source,
		secrets:     secrets.NewCache(secrets.SourceFunc(access), secrets.Options{}),
		store: newLazy(func(ctx context.Context) (*firestore.Store, error) {
			if e.Project == "" {
				return nil, fmt.Errorf("%s is not set: want the project's id, such as \"my-project\"", ProjectVariable)
			}
			return firestore.New(ctx, firestore.Options{
				Project: e.Project, Database: e.Database, EmulatorHost: e.FirestoreEmulator,
			})
		}),
		pubsub: newLazy(func(ctx context.Context) (*pubsub.Client, error) {
			return pubsub.New(ctx, e.PubSubEmulator)
		}),
		cloudrun: newLazy(func(context.Context) (*cloudrun.Client, error) { return cloudrun.New(e.CloudRunEmulator) }),
		monitoring: newLazy(func(context.Context) (*cloudmonitoring.Client, error) {
			return cloudmonitoring.New(e.MonitoringEmulator)
		}),
	}
}

// Secrets returns the cache of secrets. It looks for credentials on the first read of a
// reference.
func (c *Clients) Secrets() *secrets.Cache { return c.secrets }

// Store returns the documents.
func (c *Clients) Store(ctx context.Context) (store.Store, error) {
	s, err := c.store.Get(ctx)
	if err != nil {
		return nil, err // not s: a nil *firestore.Store is no nil store.Store
	}
	return s, nil
}

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
	client, err := c.pubsub.Get(ctx)
	if err != nil {
		return nil, err
	}
	topic, err := client.Topic(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return topic, nil
}

// Environment reads how a Cloud Run service is deployed, by its full name
// projects/P/locations/L/services/S.
func (c *Clients) Environment(ctx context.Context, service string) (config.Deployment, error) {
	client, err := c.cloudrun.Get(ctx)
	if err != nil {
		return config.Deployment{}, err
	}
	return client.Environment(ctx, service)
}

// Rollout reads what was last deployed of a Cloud Run service, by its full name.
func (c *Clients) Rollout(ctx context.Context, service string, since time.Time) (report.Rollout, error) {
	client, err := c.cloudrun.Get(ctx)
	if err != nil {
		return report.Rollout{}, err
	}
	return client.Rollout(ctx, service, since)
}

// NewestSecret returns a secret's newest version, and when it was added. It reads no content.
func (c *Clients) NewestSecret(ctx context.Context, secret string) (version string, added time.Time, err error) {
	source, err := c.source.Get(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	return source.Newest(ctx, secret)
}

// Traffic reads the requests of a Cloud Run service, by its full name. It is an error where
// the span has none.
func (c *Clients) Traffic(ctx context.Context, service string, from, to time.Time) (report.Traffic, error) {
	client, err := c.monitoring.Get(ctx)
	if err != nil {
		return report.Traffic{}, err
	}
	return client.Traffic(ctx, service, from, to)
}
