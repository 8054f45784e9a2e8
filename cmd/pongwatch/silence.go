package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

const aboutSilence = `
Silences an incident or a group, or a database, or one of its checks: nothing new is told
about it until the silence ends. What still fails then is told; what was told before is
still edited to its end. A silence lasts at most 24 hours.

  pongwatch silence INC-7F3A9K --for 2h --reason "Upstash is on it"
  pongwatch silence --database prod-cache --check latency --for 8h`

const aboutUnsilence = `
Ends the silences of an incident or a group, or of a database, or one of its checks.
What still fails is told at once.

  pongwatch unsilence INC-7F3A9K
  pongwatch unsilence --database prod-cache`

const defaultSilence = time.Hour

func silenceCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := newAsker("silence", waitForAlert, stdout, stderr)
	scope := newScope(a.flags)
	lasts := defaultSilence
	a.flags.Func("for", "for this `duration`, at most 24h, such as 45m (default 1h)", func(text string) (err error) {
		lasts, err = parseSilence(text)
		return err
	})
	reason := a.flags.String("reason", "", "why, as others shall read it: `text`")
	id, code, ok := a.parse("[INC-…]", args, aboutSilence)
	if !ok {
		return code
	}
	if err := scope.check(id); err != nil {
		return a.fail(err)
	}
	return a.ask(ctx, order{
		command: report.Command{
			Action: report.Silence, Incident: id, Series: scope.series, For: lasts, Reason: report.CutEvidence(*reason),
		},
		asked:    fmt.Sprintf("Asked to silence %s until %s (%s)", scope.what(id), text.Clock(time.Now().Add(lasts), time.Now()), text.Duration(lasts)),
		next:     "Nothing new is told about it until then; what still fails then is told.",
		precheck: func(s statistics) (int, bool) { return a.knows(s, scope.series.Database) },
	})
}

func unsilenceCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := newAsker("unsilence", waitForAlert, stdout, stderr)
	scope := newScope(a.flags)
	id, code, ok := a.parse("[INC-…]", args, aboutUnsilence)
	if !ok {
		return code
	}
	if err := scope.check(id); err != nil {
		return a.fail(err)
	}
	return a.ask(ctx, order{
		command: report.Command{Action: report.Unsilence, Incident: id, Series: scope.series},
		asked:   "Asked to end the silence of " + scope.what(id),
		next:    "What still fails is told at once.",
		precheck: func(s statistics) (int, bool) {
			switch {
			case slices.ContainsFunc(s.Incidents.Silences, func(x incidents.Silence) bool { return scope.ends(x, a.target) }):
				return 0, false
			case !a.target.handling.SilencedUntil.IsZero():
				return a.refuse("%s is silenced through its group: pongwatch unsilence %s", a.target.id, a.target.group), true
			}
			fmt.Fprintf(stdout, "No silence of %s is in force: nothing to do.\n", scope.what(id))
			return exitOK, true
		},
	})
}

// scope is what a silence is about, if not an incident.
type scope struct {
	series report.Series
	only   string
}

func newScope(flags *flag.FlagSet) *scope {
	s := &scope{}
	flags.StringVar(&s.series.Database, "database", "", "instead of an incident, the database of this `name`")
	flags.StringVar(&s.only, "check", "", "with --database, only this `check`, such as ping or latency")
	return s
}

func (s *scope) check(id string) error {
	s.series.Check = report.Check(s.only)
	switch {
	case id != "" && s.series.Database != "":
		return errors.New("an incident and --database: want one of them")
	case s.series.Check != "" && s.series.Database == "":
		return errors.New("--check needs --database, such as --database prod-cache --check latency")
	case s.series.Check != "" && !s.series.Check.Valid():
		return fmt.Errorf("--check %q: want one of %s", s.only, join(report.Checks()))
	case s.series.Database != "":
		return nil
	case id == "":
		return errors.New("silence what? want an incident such as INC-7F3A9K, or --database NAME")
	}
	return checkID(id)
}

// what names the scope in a sentence; id is the incident's, if it is one.
func (s *scope) what(id string) string {
	switch {
	case s.series.Database == "":
		return id
	case s.series.Check == "":
		return s.series.Database
	}
	return s.series.Database + " " + string(s.series.Check)
}

// ends reports whether an unsilence of this scope, or of the target, ends the silence.
func (s *scope) ends(x incidents.Silence, t target) bool {
	if s.series.Database != "" {
		return x.Incident == "" && x.Database == s.series.Database && (s.series.Check == "" || x.Check == s.series.Check)
	}
	if x.Incident != "" {
		return x.Incident == t.id
	}
	return x.Database == t.series.Database && (x.Check == "" || x.Check == t.series.Check) && (x.Subject == "" || x.Subject == t.series.Subject)
}

// knows refuses a database that is not there.
func (a *asker) knows(s statistics, name string) (int, bool) {
	if name == "" || name == report.MonitorDatabase || len(s.Databases) == 0 {
		return 0, false
	}
	var names []string
	for _, d := range s.Databases {
		if d.Name == name {
			return 0, false
		}
		names = append(names, d.Name)
	}
	const most = 10
	list := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		list += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return a.refuse("there is no database %q; want one of %s", report.CutEvidence(name), list), true
}

// parseSilence reads how long a silence lasts.
func parseSilence(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, errors.New("want a duration such as 2h or 45m")
	case d > report.MaxSilence:
		return 0, errors.New("a silence lasts at most 24h, so that a forgotten one ends by itself; for what is planned, configure a maintenance window")
	case d <= 0:
		return 0, errors.New("want more than 0, such as 45m")
	}
	return d, nil
}

func join(checks []report.Check) string {
	names := make([]string, len(checks))
	for i, c := range checks {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}
