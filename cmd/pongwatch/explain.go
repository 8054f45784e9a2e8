package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const aboutExplain = `Prints the playbook of a cause, as alerts, logs and the health answer name it: what it
means, how pongwatch knows, what users see, how to confirm it by hand, and the fix. An
error text of Redis, as an app's log or curl shows it, will do in place of the name.
Without an argument it lists every cause.

Usage: pongwatch explain [CAUSE | TEXT]

  pongwatch explain auth_invalid
  pongwatch explain 'UpstashError: ERR max requests limit exceeded. Limit: 500000'
`

func explainCommand(_ context.Context, args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		listCauses(stdout)
		return exitOK
	case args[0] == "-h" || args[0] == "-help" || args[0] == "--help":
		io.WriteString(stdout, aboutExplain)
		return exitOK
	case strings.HasPrefix(args[0], "-"):
		fmt.Fprintf(stderr, "pongwatch explain: want a cause or an error text, got %q\n\n%s", strings.Join(args, " "), aboutExplain)
		return exitFailed
	}
	text := strings.Join(args, " ") // a text need not be quoted
	c, known := cause.Parse(strings.ToLower(text))
	if !known {
		c, known = causeOfText(text)
	}
	if !known {
		fmt.Fprintf(stderr, "pongwatch explain: %q is no cause and begins like no error text of Redis; \"pongwatch explain\" lists the causes\n", text)
		return exitFailed
	}
	io.WriteString(stdout, playbooks.Markdown(c))
	return exitOK
}

// causeOfText names the cause of an error text: the answer's body as it came, or what a
// client made of it, which sets the name of its own error before it.
func causeOfText(text string) (cause.Cause, bool) {
	for rest, more := strings.TrimSpace(text), true; more; _, rest, more = strings.Cut(rest, ": ") {
		body := []byte(rest)
		if !strings.HasPrefix(rest, "{") {
			body, _ = json.Marshal(map[string]string{"error": rest}) // a map of strings always encodes
		}
		switch c := upstash.Classify(upstash.Outcome{Phase: upstash.PhaseRead, Status: http.StatusBadRequest, Body: body}); c {
		case cause.NotUpstash:
		case cause.RedisError:
			// Any text would do; Redis' own begin with a code.
			if strings.HasPrefix(rest, "ERR ") {
				return c, true
			}
		default:
			return c, true
		}
	}
	return "", false
}

func listCauses(w io.Writer) {
	class := cause.Class("")
	for _, c := range cause.All() {
		i := c.Info()
		if i.Class != class {
			class = i.Class
			fmt.Fprintf(w, "%s\n", class)
		}
		fmt.Fprintf(w, "  %-26s %s\n", c, i.Title)
	}
}
