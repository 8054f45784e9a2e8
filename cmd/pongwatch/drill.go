package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// waitForReceivers is how long a drill waits for its deliveries: one failed attempt at
// each receiver and the next fit in.
const waitForReceivers = 30 * time.Second

const aboutDrill = `
Sends a message that is marked as a drill to every receiver, or to one, the way an alert
would go, and says which took it. Nothing is broken, and it ends by itself after 15
minutes.

  pongwatch drill
  pongwatch drill --receiver slack-oncall`

func drillCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := newAsker("drill", waitForReceivers, stdout, stderr)
	receiver := a.flags.String("receiver", "", "only the receiver with this `address`, such as slack-oncall or email-oncall/anna@example.com")
	_, code, ok := a.parse("", args, aboutDrill)
	if !ok {
		return code
	}
	whom := "every receiver"
	if *receiver != "" {
		whom = *receiver
	}
	return a.ask(ctx, order{
		command: report.Command{Action: report.Drill, Receiver: *receiver},
		asked:   "Asked to rehearse an alert to " + whom,
		next:    "The message is marked as a drill; it ends by itself after 15 min.",
		effect:  a.drilled,
	})
}

// drilled prints who took the drill, once everybody has or has refused.
func (a *asker) drilled(v incidents.View, c report.Command, last bool) (code int, seen bool) {
	at := slices.IndexFunc(v.Drills, func(d incidents.Incident) bool { return d.Subject == incident.DrillSubject(c.ID) })
	switch {
	case at < 0 && last && c.Receiver != "":
		return a.refuse("no effect within %v: is there a receiver %q? The command %s is stored, should Alert only be late", a.wait, c.Receiver, c.ID), true
	case at < 0:
		return 0, false
	}
	drill := v.Drills[at]
	if !last && slices.ContainsFunc(drill.Told, func(t incidents.Told) bool { return t.Delivery == incidents.DeliveryPending }) {
		return 0, false
	}
	if len(drill.Told) == 0 {
		return a.refuse("%s reached nobody: no receiver is configured", drill.ID), true
	}
	fmt.Fprintf(a.stdout, "%s:\n", drill.ID)
	width := 0
	for _, t := range drill.Told {
		width = max(width, len(t.Receiver))
	}
	for _, t := range drill.Told {
		fmt.Fprintf(a.stdout, "  %-9s  %-*s  %s\n", t.Delivery, width, t.Receiver, howTold(t, v.At))
		if t.Delivery != incidents.DeliveryDone {
			code = exitNo
		}
	}
	return code, true
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
			said += fmt.Sprintf(", %s", text.Count(t.Tries, "try", "tries"))
		}
	}
	if t.Error != "" {
		if said != "" {
			said += ": "
		}
		said += text.Line(t.Error)
	}
	if t.InsteadOf != "" {
		said += " (in place of " + t.InsteadOf + ")"
	}
	return said
}
