package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// waitForAlert is how long a command waits to see its effect.
const waitForAlert = 10 * time.Second

const aboutAck = `
Acknowledges an incident or a group: you have it. Its messages are edited to say so,
nothing escalates, and reminders become rare. It does not mend anything, and it ends
when the incident reopens.`

func ackCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := newAsker("ack", waitForAlert, stdout, stderr)
	id, code, ok := a.parse("INC-…", args, aboutAck)
	if !ok {
		return code
	}
	if err := checkID(id); err != nil {
		return a.fail(err)
	}
	return a.ask(ctx, order{
		command: report.Command{Action: report.Acknowledge, Incident: id},
		asked:   "Asked to acknowledge " + id,
		next:    "Its messages are edited to say so; nothing escalates while it is yours.",
		precheck: func(s statistics) (int, bool) {
			ack := a.target.handling.Acknowledged
			if ack == nil {
				return 0, false
			}
			fmt.Fprintf(stdout, "%s acknowledged it at %s: nothing to do.\n", text.Line(ack.By), text.Clock(ack.At, s.Incidents.At))
			return exitOK, true
		},
	})
}
