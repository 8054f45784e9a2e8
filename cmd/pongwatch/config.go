package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
)

func configCommand() *cobra.Command {
	check := &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Print every problem of the configuration",
		Long: `Checks the files together or, without files, PONGWATCH_CONFIG or the app's own variables.
It prints every problem with its place, its key, what is wrong and a right example, and also
problems that would affect only one database at run time. The only secret it reads is a
document that PONGWATCH_CONFIG refers to.

With --against it also prints which databases and regions the new configuration moves,
renames or drops, and what that costs in history or incidents. A move is not a problem.

Exit codes: 0 no problems, 1 problems, 2 the configuration could not be read.`,
	}
	var d documents
	d.register(check)
	against := check.Flags().String("against", "", "compare with the configuration in force, in this `file`")
	check.RunE = func(cmd *cobra.Command, files []string) error {
		c, problems, err := d.read(cmd, files)
		if err != nil {
			return err
		}
		v := checked{Problems: append([]config.Problem{}, problems...)}
		if c != nil {
			v.Problems = append(v.Problems, budget.Problems(c)...)
			if len(c.Receivers) == 0 {
				v.Problems = append(v.Problems, config.Problem{
					Key: "receivers", What: "is empty, so no one is notified", Example: "[{name: slack-oncall, slack: {webhook: sm://projects/my-project/secrets/slack-webhook}}]",
					Cause: cause.ConfigInvalid, Notice: true,
				})
			}
			v.Hash, v.Databases, v.Shards, v.Receivers = c.Hash(), len(c.Databases), len(c.ShardNames()), len(c.Receivers)
			if *against != "" {
				before, problems, err := d.read(cmd, []string{*against})
				if err != nil {
					return err
				}
				if before == nil {
					return fmt.Errorf("--against %s: the configuration cannot be used: %w", *against, problems.Err())
				}
				v.Moves = moves(before, c)
			}
		}
		v.OK = config.Problems(v.Problems).Err() == nil
		v.Hint = d.hint(cmd, files, problems)
		return d.print(cmd.OutOrStdout(), v, v.OK)
	}
	return group(&cobra.Command{
		Use:   "config",
		Short: "Check the configuration, and print what it says",
		Long:  "Checks the configuration, and prints it with its defaults, who is notified, and its schema.",
	}, check, configPrintCommand(), configRoutesCommand(), &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the document (draft 2020-12), for editors",
		Args:  atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(config.Schema())
			return err
		},
	})
}

// checked is the verdict on a configuration, and --json's output.
type checked struct {
	OK        bool             `json:"ok"`
	Hash      string           `json:"hash,omitempty"`
	Databases int              `json:"databases"`
	Shards    int              `json:"shards"`
	Receivers int              `json:"receivers"`
	Problems  []config.Problem `json:"problems"`
	Moves     []move           `json:"moves,omitempty"`
	Hint      string           `json:"hint,omitempty"`
}

func (v checked) print(w io.Writer) error {
	var b strings.Builder
	wrong := 0
	for _, p := range v.Problems {
		kind := "problem"
		switch {
		case p.Notice:
			kind = "notice"
		case p.Fatal:
			kind = "fatal"
		case !p.Stops && p.Cause != cause.MonitorBudget:
			kind = "warning"
		}
		if !p.Notice {
			wrong++
		}
		fmt.Fprintf(&b, "%s: %s\n", kind, p.Error())
	}
	for _, m := range v.Moves {
		b.WriteString(m.String() + "\n")
	}
	if v.Hash != "" {
		fmt.Fprintf(&b, "%d database(s) in %d shard(s), %d receiver(s), configuration %s: ", v.Databases, v.Shards, v.Receivers, v.Hash)
	}
	if wrong == 0 {
		b.WriteString("no problems\n")
	} else {
		fmt.Fprintf(&b, "%d problem(s)\n", wrong)
	}
	if v.Hint != "" {
		b.WriteString(v.Hint + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
