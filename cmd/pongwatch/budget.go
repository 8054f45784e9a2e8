package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/text"
)

// expense is --json's output.
type expense struct {
	Databases []budget.Database `json:"databases"`
	Cloud     []budget.Cost     `json:"cloud"`
	// Dollars is Google Cloud's bill where nothing else uses the free tiers, Gross where
	// others have used them up.
	Dollars  float64          `json:"dollars"`
	Gross    float64          `json:"gross"`
	Problems []config.Problem `json:"problems"`
}

func budgetCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "budget [FILE…]",
		Short: "Print what watching costs: Upstash commands and Google Cloud dollars",
		Long: `Prints what watching costs in a month of 30 days: the commands that Upstash counts, by
check, and Google Cloud's bill by line.

It reads the files together or, without files, PONGWATCH_CONFIG or the app's own variables.
It sends no request to a database.

Exit codes: 0 within the budget, 1 above it, 2 the configuration could not be read.`,
	}
	var d documents
	d.register(c)
	c.RunE = func(cmd *cobra.Command, files []string) error {
		c, problems, err := d.read(cmd, files)
		if err != nil {
			return err
		}
		if c == nil {
			return problems
		}
		e := expense{Databases: budget.Commands(c), Cloud: budget.Cloud(c), Problems: append([]config.Problem{}, budget.Problems(c)...)}
		e.Dollars, e.Gross = budget.Dollars(e.Cloud)
		return d.print(cmd.OutOrStdout(), e, len(e.Problems) == 0)
	}
	return c
}

func (e expense) print(w io.Writer) error {
	var b strings.Builder
	for _, d := range e.Databases {
		printCommands(&b, d)
	}
	b.WriteString("Google Cloud, a month\n\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ITEM\tUSE\tFREE\tUNIT\tCOST\tIF THE FREE TIER IS USED UP\tBASIS")
	for _, c := range e.Cloud {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t$%.2f\t$%.2f\t%s\n", c.Item, amount(c.Use), amount(c.Free), c.Unit, c.Dollars, c.Gross, c.Basis)
	}
	fmt.Fprintf(t, "sum\t\t\t\t$%.2f\t$%.2f\t\n", e.Dollars, e.Gross)
	_ = t.Flush() // a builder takes everything
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "\nabove the budget: %s\n", p.Error())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printCommands prints a database's table. Its columns add up.
func printCommands(w *strings.Builder, d budget.Database) {
	quota := "no quota of commands"
	if d.Quota > 0 {
		quota = text.Thousands(d.Quota) + " commands a month"
	}
	fmt.Fprintf(w, "%s (plan %s, %s; pongwatch may use %s)\n\n", d.Name, d.Plan, quota, text.Thousands(d.Allowed))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	share := func(n int64) string {
		if d.Quota == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f %%", d.Share(n)*100)
	}
	fmt.Fprintln(t, "CHECK\tREGION\tEVERY\tAT LEAST\tAT MOST\tOF PLAN\tIF PING, INFO ARE BILLED\tOF PLAN")
	for _, l := range d.Lines {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name(), cmp.Or(l.Region, "-"), text.Short(l.Every),
			text.Thousands(l.Least), text.Thousands(l.Most), share(l.Most), text.Thousands(l.Upper), share(l.Upper))
	}
	fmt.Fprintf(t, "sum\t\t\t%s\t%s\t%s\t%s\t%s\n", text.Thousands(d.Least), text.Thousands(d.Most), share(d.Most), text.Thousands(d.Upper), share(d.Upper))
	_ = t.Flush() // a builder takes everything
	if d.Dollars > 0 {
		fmt.Fprintf(w, "\nThe plan bills commands: at most $%.2f a month.\n", d.Dollars)
	}
	fmt.Fprintln(w)
}

// amount prints what is small with a fraction.
func amount(x float64) string {
	if x < 100 && x != float64(int64(x)) {
		return fmt.Sprintf("%.2f", x)
	}
	return text.Thousands(int64(x + 0.5))
}
