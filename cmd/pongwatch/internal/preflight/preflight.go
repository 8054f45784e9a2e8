// Package preflight runs the production checklist: each line of it is one or more
// items, an item is data with a func, and a run gives each a result with evidence.
//
// A run is safe on a production database: it writes only below [Prefix], every key
// with a TTL, deletes what it wrote, and counts its commands. Its results hold no
// secret.
package preflight

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// Status is the outcome of an item.
type Status string

// The statuses. Manual is for a person to confirm; Skipped did not run, because
// something that it needs is missing or failed.
const (
	Pass    Status = "pass"
	Fail    Status = "fail"
	Warn    Status = "warn"
	Manual  Status = "manual"
	Skipped Status = "skipped"
)

// Item is one question of the checklist.
type Item struct {
	// ID is stable: people sign for it, and --only and --skip name it.
	ID      string
	Section string
	// Title says what is true when the item passes.
	Title string
	// Lines are the lines of the customer's checklist that it serves.
	Lines []string
	// Needs are items that must pass first, because otherwise this one fails for their reason.
	Needs []string
	// Exactly one of the two is set: Each is about one database, Once about anything else.
	Each func(ctx context.Context, r *run, d *database) Finding
	Once func(ctx context.Context, r *run) Finding
}

// Finding is an item's answer.
type Finding struct {
	Status Status `json:"status"`
	// Evidence is what was seen, Reason why that is not a pass, Fix the steps to take.
	Evidence string   `json:"evidence,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Fix      []string `json:"fix,omitempty"`
	// Cause is set where one of pongwatch's causes says why.
	Cause cause.Cause `json:"cause,omitempty"`

	// openEnded lets dependent items run even though this one was skipped.
	openEnded bool
}

// Result is an item's finding about one database, or about none.
type Result struct {
	ID       string        `json:"id"`
	Section  string        `json:"section"`
	Title    string        `json:"title"`
	Lines    []string      `json:"lines"`
	Database string        `json:"database,omitempty"`
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took_ns"`
	Finding
}

// Name returns the id, with the database where there are several.
func (r Result) Name() string {
	if r.Database == "" {
		return r.ID
	}
	return r.ID + "/" + r.Database
}

// Record is a whole run: what is printed, kept and signed.
type Record struct {
	// Command is the command of pongwatch that made it.
	Command string    `json:"-"`
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	// Configuration is the configuration's hash, empty without one.
	Configuration string   `json:"configuration,omitempty"`
	Monitor       string   `json:"monitor,omitempty"`
	Results       []Result `json:"results"`
	// Commands is how many commands the run used that Upstash bills.
	Commands int64 `json:"commands"`
}

// Count returns how many results have that status.
func (r Record) Count(s Status) int {
	n := 0
	for _, result := range r.Results {
		if result.Status == s {
			n++
		}
	}
	return n
}

// Options say what to look at. Everything is optional: items that lack what they need
// are skipped, or left to a person.
type Options struct {
	Config  *config.Config
	Secrets *secrets.Cache
	// Upstash is the template of the databases' clients: all but URL and Token.
	Upstash upstash.Options
	// Getenv reads the environment from which the configuration was made.
	Getenv func(string) string
	// Database limits the run to the one of that name.
	Database string

	// Deployments reads how apps are deployed on Cloud Run; nil reads none.
	Deployments check.Deployments

	// Monitor is a running pongwatch.
	Monitor Monitor
	// Backend and Frontend are folders of the app's sources.
	Backend, Frontend string
	// App has the app's addresses.
	App App

	// Only and Skip hold ids or patterns of them, as [path.Match] has them.
	Only, Skip []string

	Version string
	// Progress is where items are shown as they run. Optional.
	Progress io.Writer
	// Now returns the time; nil is time.Now.
	Now func() time.Time
}

// itemTimeout bounds every item. What an app's drill may take is added.
const itemTimeout = 4 * time.Minute

// Run runs every chosen item in the checklist's order.
func Run(ctx context.Context, o Options) (Record, error) {
	items, err := choose(Items(), o.Only, o.Skip)
	if err != nil {
		return Record{}, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	o.App.Patience = cmp.Or(o.App.Patience, DefaultPatience)
	r := newRun(ctx, o)
	defer r.close(ctx)
	record := Record{Command: "preflight", At: o.Now().UTC(), Version: o.Version}
	if o.Config != nil {
		record.Configuration = o.Config.Hash()
	}
	if o.Monitor != nil {
		record.Monitor = o.Monitor.Name()
	}
	for i := range items {
		if err := ctx.Err(); err != nil {
			return record, fmt.Errorf("running the checklist: %w", err)
		}
		record.Results = append(record.Results, r.ask(ctx, &items[i])...)
	}
	r.close(ctx)
	for _, d := range r.databases {
		record.Commands += d.used
	}
	return record, nil
}

// choose returns the items that only names, or all, without those that skip names.
func choose(items []Item, only, skip []string) ([]Item, error) {
	matches := func(pattern string, i Item) bool {
		ok, err := path.Match(pattern, i.ID)
		return ok && err == nil
	}
	for _, pattern := range slices.Concat(only, skip) {
		if !slices.ContainsFunc(items, func(i Item) bool { return matches(pattern, i) }) {
			return nil, fmt.Errorf("no item is called %q; want an id such as redis.write, or a pattern such as 'packages.*'", pattern)
		}
	}
	return slices.DeleteFunc(items, func(i Item) bool {
		named := func(pattern string) bool { return matches(pattern, i) }
		return len(only) > 0 && !slices.ContainsFunc(only, named) || slices.ContainsFunc(skip, named)
	}), nil
}

// ask runs one item for everything that it is about.
func (r *run) ask(ctx context.Context, i *Item) []Result {
	about := r.databases
	if i.Once != nil || len(about) == 0 {
		about = []*database{nil}
	}
	var out []Result
	for _, d := range about {
		result := Result{ID: i.ID, Section: i.Section, Title: i.Title, Lines: i.Lines, At: r.Now().UTC()}
		if d != nil && len(r.databases) > 1 {
			result.Database = d.Name
		}
		fmt.Fprintf(r.Progress, "%s …", result.Name())
		began := time.Now()
		result.Finding = r.find(ctx, i, d, result.Database)
		result.Took = time.Since(began)
		result.Evidence, result.Reason = outbound.Redact(result.Evidence, r.known...), outbound.Redact(result.Reason, r.known...)
		if result.Status == Fail || result.Status == Skipped && !result.openEnded {
			r.failed[result.Name()] = true
		}
		fmt.Fprintf(r.Progress, " %s (%.1f s)\n", result.Status, result.Took.Seconds())
		out = append(out, result)
	}
	return out
}

func (r *run) find(ctx context.Context, i *Item, d *database, name string) Finding {
	for _, need := range i.Needs {
		if r.failed[Result{ID: need, Database: name}.Name()] || r.failed[need] {
			return skip("it needs " + need + ", which does not pass")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, itemTimeout+drillSteps*r.App.Patience)
	defer cancel()
	switch {
	case i.Once != nil:
		return i.Once(ctx, r)
	case d == nil:
		return skip("no database is configured: set UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN, or PONGWATCH_CONFIG")
	case d.client == nil && reaches(i.ID): // an item that is asked alone has no failed need
		return broken(d.target.Ping(ctx).Err)
	}
	return i.Each(ctx, r, d)
}

// reaches reports whether an item asks the database, by its needs.
func reaches(id string) bool {
	all := Items()
	at := slices.IndexFunc(all, func(i Item) bool { return i.ID == id })
	return id == "network.egress" || slices.ContainsFunc(all[at].Needs, reaches)
}

func pass(format string, args ...any) Finding {
	return Finding{Status: Pass, Evidence: fmt.Sprintf(format, args...)}
}

func skip(reason string) Finding { return Finding{Status: Skipped, Reason: reason} }

func manual(reason string, steps ...string) Finding {
	return Finding{Status: Manual, Reason: reason, Fix: steps}
}

// byHand is an item that a person always confirms.
func byHand(reason, step string) func(context.Context, *run) Finding {
	return func(context.Context, *run) Finding { return manual(reason, step) }
}

// fail says what is wrong; evidence may be empty.
func fail(reason, evidence string, steps ...string) Finding {
	return Finding{Status: Fail, Reason: reason, Evidence: evidence, Fix: steps}
}

func warn(reason, evidence string, steps ...string) Finding {
	return Finding{Status: Warn, Reason: reason, Evidence: evidence, Fix: steps}
}

// because explains a failure by its cause.
func because(s Status, c cause.Cause, evidence string) Finding {
	info := c.Info()
	return Finding{Status: s, Cause: c, Reason: info.Title, Evidence: evidence, Fix: info.Steps(false)}
}
