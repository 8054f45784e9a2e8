package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/text"
)

const aboutBudget = `Prints what watching costs in a month of 30 days: the commands that Upstash counts, by
check, and Google Cloud's bill by line.

It reads the files, merged, or without any what PONGWATCH_CONFIG or the customer's own
variables say, and asks nobody. The exit code is 0 within the budget, 1 above it, 2 when
the configuration could not be read.`

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

func budgetCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	d, code, ok := parseDocuments("budget", args, stdout, stderr, aboutBudget)
	if !ok {
		return code
	}
	c, problems, err := d.read(ctx)
	if err == nil && c == nil {
		err = problems
	}
	if err != nil {
		fmt.Fprintf(stderr, "pongwatch budget: %v\n", err)
		return exitFailed
	}
	e := expenseOf(c)
	if err := e.print(stdout, d.asJSON); err != nil {
		fmt.Fprintf(stderr, "pongwatch budget: %v\n", err)
		return exitFailed
	}
	if len(e.Problems) > 0 {
		return exitNo
	}
	return exitOK
}

func expenseOf(c *config.Config) expense {
	e := expense{Databases: budget.Commands(c), Cloud: budget.Cloud(c), Problems: []config.Problem{}}
	e.Problems = append(e.Problems, budget.Problems(c)...)
	e.Dollars, e.Gross = budget.Dollars(e.Cloud)
	return e
}

func (e expense) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, e)
	}
	var b strings.Builder
	for _, d := range e.Databases {
		printCommands(&b, d)
	}
	printCloud(&b, e)
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "\nabove the budget: %s\n", p.Error())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printCommands prints a database's table. Its columns add up.
func printCommands(w io.Writer, d budget.Database) {
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
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name(), orDash(l.Region), text.Short(l.Every),
			text.Thousands(l.Least), text.Thousands(l.Most), share(l.Most), text.Thousands(l.Upper), share(l.Upper))
	}
	fmt.Fprintf(t, "sum\t\t\t%s\t%s\t%s\t%s\t%s\n", text.Thousands(d.Least), text.Thousands(d.Most), share(d.Most), text.Thousands(d.Upper), share(d.Upper))
	_ = t.Flush() // a terminal that is gone is no failure
	if d.Dollars > 0 {
		fmt.Fprintf(w, "\nThe plan bills commands: at most $%.2f a month.\n", d.Dollars)
	}
	fmt.Fprintln(w)
}

func printCloud(w io.Writer, e expense) {
	fmt.Fprint(w, "Google Cloud, a month\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ITEM\tUSE\tFREE\tUNIT\tTO PAY\tIF THE FREE TIER IS USED UP\tRECKONED FROM")
	for _, c := range e.Cloud {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t$%.2f\t$%.2f\t%s\n", c.Item, amount(c.Use), amount(c.Free), c.Unit, c.Dollars, c.Gross, c.Basis)
	}
	fmt.Fprintf(t, "sum\t\t\t\t$%.2f\t$%.2f\t\n", e.Dollars, e.Gross)
	_ = t.Flush() // a terminal that is gone is no failure
}

// amount prints what is small with a fraction.
func amount(x float64) string {
	if x < 100 && x != float64(int64(x)) {
		return fmt.Sprintf("%.2f", x)
	}
	return text.Thousands(int64(x + 0.5))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
