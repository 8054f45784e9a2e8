package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// waitForReceivers is how long a drill waits for its deliveries: one failed attempt at
// each receiver and the next fit in.
const waitForReceivers = 30 * time.Second

func drillCommand() *cobra.Command {
	a := newAsker(&cobra.Command{
		Use:   "drill",
		Short: "Rehearse an alert: send every receiver a marked message",
		Long: `Sends every receiver, or one of them, a message that is marked as a drill, in the way of an
alert, and prints which accepted it. Nothing is broken, and it ends by itself after 15
minutes.`,
		Example: `  pongwatch drill
  pongwatch drill --receiver slack-oncall`,
		Args: atMost(0),
	}, waitForReceivers)
	receiver := a.Flags().String("receiver", "", "only the receiver with this `address`, such as slack-oncall or email-oncall/anna@example.com")
	a.RunE = func(*cobra.Command, []string) error {
		whom := "every receiver"
		if *receiver != "" {
			whom = *receiver
		}
		return a.ask(order{
			command: report.Command{Action: report.Drill, Receiver: *receiver},
			asked:   "Asked to rehearse an alert to " + whom,
			next:    "The message is marked as a drill; it ends by itself after 15 min.",
			effect:  a.drilled,
		})
	}
	return a.Command
}

// findDrill returns the drill of that command, and whether no delivery is pending. Its
// ID is empty where there is none.
func findDrill(v incidents.View, command string) (drill incidents.Incident, settled bool) {
	at := slices.IndexFunc(v.Drills, func(d incidents.Incident) bool { return d.Subject == incident.DrillSubject(command) })
	if at < 0 {
		return drill, false
	}
	drill = v.Drills[at]
	return drill, !slices.ContainsFunc(drill.Told, func(t incidents.Told) bool { return t.Delivery == incidents.DeliveryPending })
}

// drilled prints who took the drill, once every receiver has taken or refused it.
func (a *asker) drilled(v incidents.View, c report.Command, last bool) (seen bool, err error) {
	drill, settled := findDrill(v, c.ID)
	switch {
	case drill.ID == "" && last && c.Receiver != "":
		return true, refuse("no effect within %v: is there a receiver %q? The command %s is stored, should Alert only be late", a.wait, c.Receiver, c.ID)
	case drill.ID == "" || !settled && !last:
		return false, nil
	case len(drill.Told) == 0:
		return true, refuse("%s reached no receiver: none is configured", drill.ID)
	}
	fmt.Fprintf(a.OutOrStdout(), "%s:\n", drill.ID)
	width := 0
	for _, t := range drill.Told {
		width = max(width, len(t.Receiver))
	}
	for _, t := range drill.Told {
		fmt.Fprintf(a.OutOrStdout(), "  %-9s  %-*s  %s\n", t.Delivery, width, t.Receiver, howTold(t, v.At))
		if t.Delivery != incidents.DeliveryDone {
			err = negative("")
		}
	}
	return true, err
}

// howTold says when a receiver took a message, or why it has not.
func howTold(t incidents.Told, now time.Time) string {
	said := ""
	switch t.Delivery {
	case incidents.DeliveryDone:
		said = "at " + text.Clock(t.At, now)
	case incidents.DeliveryPending:
		said = "since " + text.Clock(t.Since, now)
		if t.Tries > 0 {
			said += ", " + text.Count(t.Tries, "try", "tries")
		}
	}
	if t.Error != "" {
		if said != "" {
			said += ": "
		}
		said += t.Error
	}
	if t.InsteadOf != "" {
		said += " (in place of " + t.InsteadOf + ")"
	}
	return said
}
