package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/shared/cause"
)

const aboutExplain = `Prints the playbook of a cause, as alerts, logs and the health answer name it: what it
means, how pongwatch knows, what users see, how to confirm it by hand, and the fix.
Without an argument it lists every cause.

Usage: pongwatch explain [CAUSE]

  pongwatch explain auth_invalid
`

func explainCommand(_ context.Context, args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		listCauses(stdout)
		return exitOK
	case args[0] == "-h" || args[0] == "-help" || args[0] == "--help":
		io.WriteString(stdout, aboutExplain)
		return exitOK
	case len(args) > 1 || strings.HasPrefix(args[0], "-"):
		fmt.Fprintf(stderr, "pongwatch explain: want one cause, got %q\n\n%s", strings.Join(args, " "), aboutExplain)
		return exitFailed
	}
	c, known := cause.Parse(strings.ToLower(args[0]))
	if !known {
		fmt.Fprintf(stderr, "pongwatch explain: there is no cause %q; \"pongwatch explain\" lists them\n", args[0])
		return exitFailed
	}
	io.WriteString(stdout, playbooks.Markdown(c))
	return exitOK
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
