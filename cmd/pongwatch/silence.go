package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

func ackCommand() *cobra.Command {
	a := newAsker(&cobra.Command{
		Use:   "ack INC-…",
		Short: "Acknowledge an incident: you are working on it",
		Long: `Acknowledges an incident or a group: you are working on it. Its messages are edited to
say so, nothing escalates, and reminders become rare. It fixes nothing, and is cleared
when the incident reopens.`,
		Example:           "  pongwatch ack INC-7F3A9K",
		Args:              atMost(1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}, waitForAlert)
	a.RunE = func(_ *cobra.Command, args []string) error {
		id := strings.Join(args, "")
		if err := checkID(id); err != nil {
			return err
		}
		return a.ask(order{
			command: report.Command{Action: report.Acknowledge, Incident: id},
			asked:   "Asked to acknowledge " + id,
			next:    "Its messages are edited to say so; nothing escalates while it is yours.",
			settled: func(v incidents.View) (string, error) {
				ack := a.target.Acknowledged
				if ack == nil {
					return "", nil
				}
				return fmt.Sprintf("%s acknowledged it at %s: nothing to do.\n", ack.By, text.Clock(ack.At, v.At)), nil
			},
		})
	}
	return a.Command
}

func silenceCommand() *cobra.Command {
	a := newAsker(&cobra.Command{
		Use:   "silence [INC-…]",
		Short: "Mute an incident or a database for a while",
		Long: `Silences an incident or a group, or a database, or one of its checks: no new messages
are sent about it until the silence ends. If it is still failing then, you are notified.
Messages already sent keep being updated. A silence lasts at most 24 hours.`,
		Example: `  pongwatch silence INC-7F3A9K --for 2h --reason "Upstash is on it"
  pongwatch silence --database prod-cache --check latency --for 8h`,
	}, waitForAlert)
	scope := newScope(a)
	lasts := time.Hour
	a.Flags().Func("for", "for this `duration`, at most 24h, such as 45m (default 1h)", func(text string) (err error) {
		lasts, err = parseSilence(text)
		return err
	})
	reason := a.Flags().String("reason", "", "why, as a `text` for the team")
	a.RunE = func(_ *cobra.Command, args []string) error {
		if err := scope.check(args); err != nil {
			return err
		}
		return a.ask(order{
			command: report.Command{
				Action: report.Silence, Incident: scope.incident, Series: scope.series, For: lasts, Reason: report.CutEvidence(*reason),
			},
			asked: fmt.Sprintf("Asked to silence %s until %s (%s)", scope, text.Clock(time.Now().Add(lasts), time.Now()), text.Duration(lasts)),
			next:  "No new messages are sent about it until then. If it is still failing then, you are notified.",
		})
	}
	return a.Command
}

func unsilenceCommand() *cobra.Command {
	a := newAsker(&cobra.Command{
		Use:   "unsilence [INC-…]",
		Short: "End a silence",
		Long: `Ends the silences of an incident or a group, or of a database, or one of its checks.
You are notified at once of what is still failing.`,
		Example: `  pongwatch unsilence INC-7F3A9K
  pongwatch unsilence --database prod-cache`,
	}, waitForAlert)
	scope := newScope(a)
	a.RunE = func(_ *cobra.Command, args []string) error {
		if err := scope.check(args); err != nil {
			return err
		}
		return a.ask(order{
			command: report.Command{Action: report.Unsilence, Incident: scope.incident, Series: scope.series},
			asked:   "Asked to end the silence of " + scope.String(),
			next:    "You are notified at once of what is still failing.",
			settled: func(v incidents.View) (string, error) {
				switch {
				case slices.ContainsFunc(v.Silences, func(x incidents.Silence) bool { return scope.ends(x, a.target) }):
					return "", nil
				case !a.target.SilencedUntil.IsZero():
					return "", refuse("%s is silenced through its group: pongwatch unsilence %s", a.target.ID, a.target.Group)
				}
				return fmt.Sprintf("No silence of %s is in force: nothing to do.\n", scope), nil
			},
		})
	}
	return a.Command
}

// scope is what a silence is about: an incident, or a database, or one of its checks.
type scope struct {
	incident string
	series   report.Series
	only     string // the check, as written
}

func newScope(a *asker) *scope {
	s := &scope{}
	a.Flags().StringVar(&s.series.Database, "database", "", "instead of an incident, the database of this `name`")
	a.Flags().StringVar(&s.only, "check", "", "with --database, only this `check`, such as ping or latency")
	_ = a.RegisterFlagCompletionFunc("check", cobra.FixedCompletions(names(report.Checks()), cobra.ShellCompDirectiveNoFileComp))
	a.Args, a.ValidArgsFunction = atMost(1), cobra.NoFileCompletions
	return s
}

func (s *scope) check(args []string) error {
	s.incident, s.series.Check = strings.Join(args, ""), report.Check(s.only)
	switch {
	case s.incident != "" && s.series.Database != "":
		return errors.New("an incident and --database: want one of them")
	case s.series.Check != "" && s.series.Database == "":
		return errors.New("--check needs --database, such as --database prod-cache --check latency")
	case s.series.Check != "" && !s.series.Check.Valid():
		return fmt.Errorf("--check %q: want one of %s", s.only, strings.Join(names(report.Checks()), ", "))
	case s.series.Database != "":
		return nil
	case s.incident == "":
		return errors.New("silence what? want an incident such as INC-7F3A9K, or --database NAME")
	}
	return checkID(s.incident)
}

// String names the scope in a sentence.
func (s *scope) String() string {
	switch {
	case s.series.Database == "":
		return s.incident
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
		return x.Incident == t.ID
	}
	return x.Database == t.Database && (x.Check == "" || x.Check == t.Check) && (x.Subject == "" || x.Subject == t.Subject)
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

// names returns a closed set as strings.
func names[T ~string](set []T) []string {
	out := make([]string, len(set))
	for i, x := range set {
		out[i] = string(x)
	}
	return out
}
