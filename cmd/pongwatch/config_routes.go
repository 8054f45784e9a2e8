package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/config/document"
	"github.com/pongwatch/pongwatch/shared/text"
)

// severities are those that routes know, worst first.
var severities = []string{string(cause.SeverityCritical), string(cause.SeverityWarning), string(cause.SeverityInfo)}

func configRoutesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "routes --database NAME [FILE…]",
		Short: "Print who would be notified of an alert, and why",
		Long: `Prints which receivers would be notified of an alert about a database, which routes of the
configuration say so, when it escalates, and who stands in for a receiver that refuses.

Exit codes: 0 a receiver would be notified, 1 none would, 2 the configuration could not be read.`,
		Example: `  pongwatch config routes --database prod-cache --severity critical pongwatch.yaml`,
	}
	var d documents
	d.register(c)
	database := c.Flags().String("database", "", "of an alert about this database, by its `name`")
	severity := c.Flags().String("severity", severities[0], "of this `severity`: "+strings.Join(severities, ", "))
	_ = c.RegisterFlagCompletionFunc("severity", cobra.FixedCompletions(severities, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, files []string) error {
		if !slices.Contains(severities, *severity) {
			return usageError(c, fmt.Errorf("--severity %s: want one of %s", *severity, strings.Join(severities, ", ")))
		}
		cfg, problems, err := d.read(c, files)
		if err != nil {
			return err
		}
		if cfg == nil {
			return fmt.Errorf("the configuration cannot be used: %w", problems.Err())
		}
		db := cfg.Database(*database)
		if db == nil {
			return unknownDatabase(cfg, *database)
		}
		r := routed(cfg, db, cause.Severity(*severity))
		return d.print(c.OutOrStdout(), r, len(r.Receivers) > 0)
	}
	return c
}

func unknownDatabase(cfg *config.Config, name string) error {
	names := make([]string, len(cfg.Databases))
	for i := range cfg.Databases {
		names[i] = cfg.Databases[i].Name
	}
	if near := document.Nearest(name, names); near != "" && name != "" {
		return fmt.Errorf("--database %s: no such database; did you mean %s?", name, near)
	}
	return fmt.Errorf("--database %q: no such database, want one of %s", name, strings.Join(names, ", "))
}

// routing is who is notified, and --json's output.
type routing struct {
	Database    string   `json:"database"`
	Environment string   `json:"environment,omitempty"`
	Severity    string   `json:"severity"`
	Receivers   []string `json:"receivers"`
	Why         []string `json:"why"`
	Fallback    []string `json:"fallback,omitempty"`
	// Escalate are notified as well when nobody acknowledges for EscalateAfter.
	Escalate      []string `json:"escalate_to,omitempty"`
	EscalateAfter string   `json:"escalate_after,omitempty"`
}

func routed(cfg *config.Config, db *config.Database, s cause.Severity) routing {
	policy := policy.Of(cfg, db.Shard)
	route := policy.Route(db.Name, s)
	r := routing{
		Database: db.Name, Environment: policy.Databases[db.Name].Environment, Severity: string(s),
		Receivers: route.Receivers, Fallback: route.Fallback,
	}
	if len(route.Escalate) > 0 && s == cause.SeverityCritical {
		r.Escalate, r.EscalateAfter = route.Escalate, text.Short(route.EscalateAfter)
	}
	// One route alone, and nobody to fall back to: who is notified then is notified by that route.
	alone := policy
	alone.Receivers = nil
	for i := range policy.Routes {
		alone.Routes = policy.Routes[i : i+1]
		if len(alone.Route(db.Name, s).Receivers) == 0 {
			continue
		}
		r.Why = append(r.Why, routeText(i, cfg.Routes[i]))
		if !cfg.Routes[i].Continue {
			return r
		}
	}
	if len(r.Why) == 0 {
		r.Why = []string{"no route matches, so every receiver is notified"}
	}
	return r
}

// routeText says what of a route matches.
func routeText(i int, route config.Route) string {
	var conditions []string
	add := func(what string, of []string) {
		if len(of) > 0 {
			conditions = append(conditions, what+" "+strings.Join(of, ", "))
		}
	}
	add("environments", route.Environments)
	add("databases", route.Databases)
	var of []string
	for _, s := range route.Severities {
		of = append(of, string(s))
	}
	add("severities", of)
	if len(conditions) == 0 {
		conditions = []string{"everything"}
	}
	s := fmt.Sprintf("routes[%d] matches %s", i, strings.Join(conditions, "; "))
	if route.Continue {
		s += ", and continues"
	}
	return s
}

func (r routing) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s), %s: notifies %s\n", r.Database, r.Environment, r.Severity, listed(r.Receivers))
	for _, why := range r.Why {
		fmt.Fprintf(&b, "  because %s\n", why)
	}
	if len(r.Escalate) > 0 {
		fmt.Fprintf(&b, "  after %s without an acknowledgement, notifies %s as well\n", r.EscalateAfter, listed(r.Escalate))
	}
	if len(r.Fallback) > 0 {
		fmt.Fprintf(&b, "  in place of a receiver that refuses for good, notifies %s\n", listed(r.Fallback))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func listed(list []string) string {
	if len(list) == 0 {
		return "no one"
	}
	return strings.Join(list, ", ")
}
