package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/cause/symptom"
	"github.com/pongwatch/pongwatch/shared/text"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// maxExplained bounds what is read of the standard input: each line is compared with each
// pattern, which takes some seconds for so much.
const maxExplained = 1 << 20

func explainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain [CAUSE | TEXT | -]",
		Short: "Print what a cause means and what to do",
		Long: `Prints the playbook of a cause, as alerts, logs and the health answer name it: what it
means, how pongwatch knows, what users see, how to confirm it by hand, and the fix.

Lines of a log work in place of the name: what Upstash, Redis clients, runtimes, curl and
edges print. "-" reads up to a megabyte of them from the standard input, as does a pipe
without arguments.
Where a text alone does not decide, it lists the possible causes and how to tell which it
is. Without an argument it lists every cause.`,
		Example: `  pongwatch explain auth_invalid
  pongwatch explain 'UpstashError: ERR max requests limit exceeded. Limit: 500000'
  kubectl logs deploy/shop | pongwatch explain`,
		ValidArgsFunction: cobra.FixedCompletions(names(cause.All()), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			given := strings.Join(args, " ") // a text need not be quoted
			if given == "-" || len(args) == 0 && isPiped(c.InOrStdin()) {
				b, err := io.ReadAll(io.LimitReader(c.InOrStdin(), maxExplained))
				if err != nil {
					return fmt.Errorf("reading the standard input: %w", err)
				}
				given = string(b)
			}
			if strings.TrimSpace(given) == "" {
				listCauses(c.OutOrStdout())
				return nil
			}
			return explain(c.OutOrStdout(), given)
		},
	}
	// An error text may hold words that begin with a dash.
	c.Flags().SetInterspersed(false)
	return c
}

// isPiped reports whether the standard input is a pipe or a file, rather than a terminal or
// nothing.
func isPiped(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return true
	}
	info, err := f.Stat()
	return err == nil && (info.Mode()&os.ModeNamedPipe != 0 || info.Mode().IsRegular())
}

func listCauses(w io.Writer) {
	class := cause.Class("")
	for _, known := range cause.All() {
		i := known.Info()
		if i.Class != class {
			class = i.Class
			fmt.Fprintln(w, class)
		}
		fmt.Fprintf(w, "  %-26s %s\n", known, i.Title)
	}
}

// explain prints the page of the one cause that is meant, or else what each line points at.
func explain(w io.Writer, given string) error {
	if c, known := cause.Parse(strings.ToLower(strings.TrimSpace(given))); known {
		return showPage(w, c)
	}
	found := symptom.Find(given, judgeText)
	if len(found) == 0 {
		return unexplained(given)
	}
	if first := found[0].Row.Causes; len(first) == 1 && !slices.ContainsFunc(found, func(f symptom.Found) bool { return len(f.Row.Causes) > 1 || f.Row.Causes[0] != first[0] }) {
		return showPage(w, first[0].Cause)
	}
	for _, f := range found {
		// The door for what was piped: symptom.Find takes colours out of the lines as they came.
		fmt.Fprintln(w, text.Clip(text.Line(f.Line), 160))
		if len(f.Row.Causes) > 1 {
			fmt.Fprintln(w, "  This text alone does not decide. It is one of:")
		}
		for _, c := range f.Row.Causes {
			fmt.Fprintf(w, "  %-20s %s\n", c.Cause, c.Cause.Info().Title)
			if c.When != "" {
				fmt.Fprintf(w, "  %-20s if %s\n", "", c.When)
			}
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "What to do: pongwatch explain %s\n", found[0].Row.Causes[0].Cause)
	return err
}

// showPage prints a playbook and where it is served. On a terminal its headings stand out, and a
// page that is longer than the screen goes through the pager.
func showPage(w io.Writer, c cause.Cause) error {
	page := fmt.Sprintf("%s\nThis page: /playbooks/%s of your dashboard, %s/playbooks/%s of pongwatch local.\n", playbooks.Markdown(c), c, defaultURL, c)
	how := lookOf(w, os.Getenv)
	if how.colour {
		page = headingLine.ReplaceAllString(page, "\x1b[1m$0\x1b[0m")
	}
	pager := strings.Fields(cmp.Or(os.Getenv("PAGER"), "less -FRX"))
	if how.height > 0 && strings.Count(page, "\n") >= how.height && len(pager) > 0 {
		cmd := exec.Command(pager[0], pager[1:]...) //nolint:gosec,noctx // the person's own pager, which ends when they say so
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(page), w, os.Stderr
		if cmd.Run() == nil {
			return nil
		}
	}
	_, err := io.WriteString(w, page)
	return err
}

var headingLine = regexp.MustCompile(`(?m)^#+ .*$`)

// judgeText names the cause of an error text as the checks do, which know a stop by its words.
func judgeText(said string) cause.Cause {
	body, err := json.Marshal(map[string]string{"error": said})
	if err != nil {
		return cause.RedisError
	}
	return upstash.Classify(upstash.Outcome{Status: http.StatusBadRequest, Body: body})
}

// unexplained says that nothing matched, and which cause's name was perhaps meant.
func unexplained(given string) error {
	given = strings.TrimSpace(given)
	if lines := strings.Count(given, "\n") + 1; lines > 1 {
		return fmt.Errorf("none of the %d lines is a known error text; \"pongwatch explain\" lists the causes", lines)
	}
	hint := ""
	if similar := similarCauses(given); len(similar) > 0 {
		hint = fmt.Sprintf(" (did you mean %s?)", strings.Join(similar, ", "))
	}
	return fmt.Errorf("unknown cause or error text %q%s; \"pongwatch explain\" lists the causes", text.Clip(text.Line(given), 160), hint)
}

// similarCauses returns the causes whose name resembles a word, or has it as a part.
func similarCauses(word string) []string {
	known := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, c := range cause.All() {
		known.AddCommand(&cobra.Command{Use: string(c), SuggestFor: strings.Split(string(c), "_"), Run: func(*cobra.Command, []string) {}})
	}
	return known.SuggestionsFor(strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(word)))
}
