package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

func explainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain [CAUSE | TEXT]",
		Short: "Print what a cause means and what to do",
		Long: `Prints the playbook of a cause, as alerts, logs and the health answer name it: what it
means, how pongwatch knows, what users see, how to confirm it by hand, and the fix. An
error text of Redis, as an app's log or curl shows it, works in place of the name.
Without an argument it lists every cause.`,
		Example: `  pongwatch explain auth_invalid
  pongwatch explain 'UpstashError: ERR max requests limit exceeded. Limit: 500000'`,
		ValidArgsFunction: cobra.FixedCompletions(names(cause.All()), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				class := cause.Class("")
				for _, known := range cause.All() {
					i := known.Info()
					if i.Class != class {
						class = i.Class
						fmt.Fprintln(c.OutOrStdout(), class)
					}
					fmt.Fprintf(c.OutOrStdout(), "  %-26s %s\n", known, i.Title)
				}
				return nil
			}
			text := strings.Join(args, " ") // a text need not be quoted
			found, known := cause.Parse(strings.ToLower(text))
			if !known {
				found, known = causeOfText(text)
			}
			if !known {
				return fmt.Errorf("unknown cause or error text %q; \"pongwatch explain\" lists the causes", text)
			}
			_, err := io.WriteString(c.OutOrStdout(), playbooks.Markdown(found))
			return err
		},
	}
	// An error text may hold words that begin with a dash.
	c.Flags().SetInterspersed(false)
	return c
}

// causeOfText returns the cause of an error text: the answer's body as it came, or what a
// client made of it, which puts the name of its own error before it.
func causeOfText(text string) (cause.Cause, bool) {
	for rest, more := strings.TrimSpace(text), true; more; _, rest, more = strings.Cut(rest, ": ") {
		body := []byte(rest)
		if !strings.HasPrefix(rest, "{") {
			body, _ = json.Marshal(map[string]string{"error": rest}) // a map of strings always encodes
		}
		switch c := upstash.Classify(upstash.Outcome{Phase: upstash.PhaseRead, Status: http.StatusBadRequest, Body: body}); c {
		case cause.NotUpstash:
		case cause.RedisError:
			// Any text would match; Redis' own begin with a code.
			if strings.HasPrefix(rest, "ERR ") {
				return c, true
			}
		default:
			return c, true
		}
	}
	return "", false
}
