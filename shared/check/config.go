package check

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// configuration judges the database's settings and secret, what the account says of them, and, as one series for each
// app, whether its health page is one that the settings explain.
func configuration(_ context.Context, t *Target) []report.Observation {
	pages := t.ofApps("", func(h heard) report.Observation { return h.page })
	return append([]report.Observation{t.drifted(settings(t))}, pages...)
}

// settings judges the settings and the secret. A setting in whose place the default is
// used is a warning: everything is asked as before.
func settings(t *Target) report.Observation {
	o := ok()
	var keys []string
	for _, p := range t.Database.Problems {
		if p.Notice {
			continue
		}
		keys = append(keys, p.Key)
		found := failed(p.Cause, p.Evidence())
		if !p.Stops && p.Cause != cause.MonitorBudget {
			found.Status = report.Warn
			found.Evidence += "; pongwatch uses the default in its place"
		}
		if o.Status == report.OK || o.Status == report.Warn && found.Status == report.Fail {
			o = found
		}
	}
	if o.Status != report.Fail && t.problem != nil {
		o = unknown(t.problem)
		o.Status = report.Fail
	} else if len(keys) > 1 {
		o.Evidence = fmt.Sprintf("%s (with %d more problems, see %s)", o.Evidence, len(keys)-1, strings.Join(keys[:min(len(keys), 4)], ", "))
	}
	return o
}

// Listed returns the databases of the Upstash account.
type Listed func() ([]upstash.Database, error)

// Databases lists what the account has.
func (a *Account) Databases(ctx context.Context) ([]upstash.Database, error) {
	client, err := a.Client(ctx)
	if err != nil {
		return nil, err
	}
	return client.Databases(ctx)
}

// drifted adds to a verdict on the settings how the account differs from them. Without an answer of
// the account the verdict closes nothing.
func (t *Target) drifted(o report.Observation) report.Observation {
	if o.Status != report.OK || t.Listed == nil {
		return o
	}
	all, err := t.Listed()
	if err != nil {
		o.Clear = false
		return o
	}
	address := ""
	if !t.Database.URL.IsReference() {
		if e, err := t.Database.URL.Get(context.Background(), nil); err == nil { // it is a value, which nothing needs to read
			address = e.Value.Reveal()
		}
	}
	i := slices.IndexFunc(all, func(a upstash.Database) bool { return same(a, t.Database.DatabaseID, address) })
	if i < 0 {
		return o
	}
	if differences := drift(t.Database, all[i]); len(differences) > 0 {
		return report.Observation{Status: report.Warn, Cause: cause.ConfigDrift, Evidence: strings.Join(differences, "; ")}
	}
	return o
}

// same reports whether the account's database is the one with that id or, where none is known, that address.
func same(a upstash.Database, id, address string) bool {
	if id != "" {
		return id == a.ID
	}
	ours, err := url.Parse(address)
	theirs, err2 := url.Parse(a.URL())
	return err == nil && err2 == nil && ours.Host != "" && strings.EqualFold(ours.Host, theirs.Host)
}

// drift says in what the account differs from the configuration. What either does not say is no difference.
func drift(d *config.Database, a upstash.Database) (differences []string) {
	differ := func(what, here, there string) {
		if here != "" && there != "" && here != there {
			differences = append(differences, fmt.Sprintf("%s is %s in the configuration, and %s in the account", what, here, there))
		}
	}
	switch plan := config.PlanName(a.Type, a.MaxData); {
	case d.Plan == "custom" || plan == "custom" && strings.HasPrefix(d.Plan, "fixed"):
		// its limits are given, or its price is not a public one
	case plan == "custom":
		differ("plan", d.Plan, a.Type)
	default:
		differ("plan", d.Plan, plan)
	}
	differ("region", d.Region, a.Region)
	if a.Eviction != nil {
		differ("eviction", d.Eviction, map[bool]string{true: "on", false: "off"}[*a.Eviction])
	}
	if a.TLS != nil && !*a.TLS {
		differences = append(differences, "TLS is off in the account, so clients may send the token in plain text")
	}
	return differences
}

// Unwatched judges, as the monitor's own series, whether the account has databases that the configuration
// neither watches nor ignores.
func Unwatched(ctx context.Context, t *Target, c *config.Config, resolve Resolve, every time.Duration) []report.Observation {
	t.Database = &config.Database{Name: report.MonitorDatabase}
	return ask(ctx, t, Spec{Check: report.ConfigLoad, Every: every, Run: one(func(ctx context.Context, t *Target) report.Observation {
		all, err := t.Listed()
		if err != nil {
			return unknown(err)
		}
		all = slices.DeleteFunc(slices.Clone(all), func(a upstash.Database) bool {
			return slices.Contains(c.Management.Ignore, a.Name) || slices.Contains(c.Management.Ignore, a.ID)
		})
		for i := range c.Databases {
			d := &c.Databases[i]
			address := ""
			if d.DatabaseID == "" {
				credentials, err := resolve(ctx, d, false)
				if err != nil { // it may be any of them
					return report.Observation{Status: report.Unknown, Cause: cause.ConfigDrift, Evidence: "the URL of " + d.Name + " cannot be read, so it may be any database of the account"}
				}
				address = credentials.URL
			}
			all = slices.DeleteFunc(all, func(a upstash.Database) bool { return same(a, d.DatabaseID, address) })
		}
		if len(all) == 0 {
			return ok()
		}
		const most = 5
		var names []string
		for _, a := range all[:min(len(all), most)] {
			names = append(names, cmp.Or(a.Name, a.ID))
		}
		if more := len(all) - most; more > 0 {
			names = append(names, fmt.Sprintf("and %d more", more))
		}
		return report.Observation{Status: report.Warn, Cause: cause.ConfigDrift, Evidence: "databases of the account that nothing watches: " + strings.Join(names, ", ")}
	})})
}
