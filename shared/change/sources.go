package change

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const (
	// reading bounds one look at all sources. They are read while the databases are asked.
	reading = 8 * time.Second
	// atOnce bounds how many requests are made at the same time.
	atOnce = 8
)

// Sources reads changes where they are made. A source that is nil is not read.
type Sources struct {
	// Rollout reads a Cloud Run service by its full name. One that was not changed since then
	// has nothing but Updated.
	Rollout func(ctx context.Context, service string, since time.Time) (report.Rollout, error)
	// Secret reads the newest version of a secret, and when it was added.
	Secret func(ctx context.Context, secret string) (version string, added time.Time, err error)
	// Actions reads the audit log of the Upstash account.
	Actions func(ctx context.Context, since time.Time) ([]upstash.Action, error)
}

// Read returns what was changed in the [Window] before now and may concern databases of the shard, in the
// order of time. Its error says which sources could not be read; what the others say is whole.
func (s Sources) Read(ctx context.Context, c *config.Config, shard string, now time.Time) ([]report.Change, error) {
	ctx, cancel := context.WithTimeout(ctx, reading)
	defer cancel()
	var mu sync.Mutex
	var changes []report.Change
	var errs []error
	var group errgroup.Group
	group.SetLimit(atOnce)
	since := now.Add(-Window)
	read := func(what string, f func() ([]report.Change, error)) {
		group.Go(func() error {
			found, err := f()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("reading changes of %s: %w", what, err))
			}
			changes = append(changes, found...)
			return nil
		})
	}
	services, secrets := map[string][]string{}, map[string][]string{} // each with the databases that use it
	for _, d := range c.InShard(shard) {
		for _, app := range d.Apps {
			if app.CloudRun != "" && s.Rollout != nil {
				services[app.CloudRun] = append(services[app.CloudRun], d.Name)
			}
		}
		for _, secret := range c.CredentialSecrets(d) {
			if s.Secret != nil {
				secrets[secret] = append(secrets[secret], d.Name)
			}
		}
	}
	for service, users := range services {
		read(service, func() ([]report.Change, error) {
			d, err := s.Rollout(ctx, service, since)
			return ofRollout(d, path.Base(service), since, users), err
		})
	}
	for secret, users := range secrets {
		read(secret, func() ([]report.Change, error) {
			version, added, err := s.Secret(ctx, secret)
			if err != nil || added.Before(since) {
				return nil, err
			}
			what := fmt.Sprintf("secret %s got version %s", path.Base(secret), version)
			return []report.Change{{At: added, Kind: report.Secret, Databases: users, What: what}}, nil
		})
	}
	if s.Actions != nil {
		read("the Upstash account", func() ([]report.Change, error) {
			actions, err := s.Actions(ctx, since)
			return ofAccount(actions, c, shard), err
		})
	}
	_ = group.Wait() // the errors are kept above
	for i := range changes {
		changes[i].What = text.ClipBytes(changes[i].What, report.MaxEvidence)
	}
	slices.SortFunc(changes, func(a, b report.Change) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.What, b.What)) })
	return changes, errors.Join(errs...)
}

// ofRollout says what became of the service's traffic, which serves users.
func ofRollout(d report.Rollout, service string, since time.Time, users []string) []report.Change {
	c := report.Change{At: d.Updated, Kind: report.Deployed, Databases: users}
	isNew := !d.Created.Before(since)
	if d.Failed {
		c.At = d.Created // what came after it never served
	}
	switch {
	case d.Updated.Before(since), d.Revision == "", d.Failed && !isNew:
		return nil
	case isNew:
		c.What = fmt.Sprintf("%s got %d %% of the traffic", d.Revision, d.Percent)
	default:
		c.What = fmt.Sprintf("%s was updated: %s gets %d %% of the traffic", service, d.Revision, d.Percent)
	}
	return []report.Change{c}
}

// ofAccount returns the actions that may concern databases of the shard: those that name one
// of them, and those that name no database of the account.
func ofAccount(actions []upstash.Action, c *config.Config, shard string) []report.Change {
	var changes []report.Change
	for _, a := range actions {
		var here []string
		for _, d := range c.InShard(shard) {
			if slices.Contains(a.Entities, d.Name) || slices.Contains(a.Entities, d.DatabaseID) || slices.Contains(a.Databases, d.DatabaseID) {
				here = append(here, d.Name)
			}
		}
		if len(here) == 0 && len(a.Databases) > 0 {
			continue
		}
		what := "Upstash's audit log says " + a.Name
		if len(a.Entities) > 0 {
			what += " (" + a.Entities[0] + ")"
		}
		changes = append(changes, report.Change{At: a.At, Kind: kindOf(a.Name), Databases: here, What: what})
	}
	return changes
}

// kindOf tells by words of an action's name, because Upstash publishes no list of the actions.
func kindOf(action string) report.ChangeKind {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(action), w) })
	}
	switch {
	case has("password", "token", "credential", "rotate"):
		return report.Password
	case has("plan", "budget", "region", "replica", "upgrade", "limit", "eviction", "prod pack", "prodpack"):
		return report.Planned
	}
	return report.Account
}
