package budget

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Problems are the databases whose checks cost more than their budget, each with what
// to change. [config.Budget]'s override accepts them.
func Problems(c *config.Config) config.Problems {
	var out config.Problems
	for i, d := range Commands(c) {
		if d.Over() && !d.Override {
			out = append(out, problem(c, i, d))
		}
	}
	return out
}

// Enforce adds [Problems] to the configuration and its databases. A database above its
// budget is watched by what costs nothing: PING, INFO and the account.
func Enforce(c *config.Config) {
	for _, p := range Problems(c) {
		c.Problems = append(c.Problems, p)
		if d := c.Database(p.Database); d != nil {
			d.Problems = append(d.Problems, p)
		}
	}
}

func problem(c *config.Config, i int, d Database) config.Problem {
	largest := slices.MaxFunc(d.Lines, func(a, b Line) int { return int(a.Most - b.Most) })
	budget := fmt.Sprintf("%s commands", text.Thousands(d.Allowed))
	cost := fmt.Sprintf("cost up to %s commands a month", text.Thousands(d.Most))
	raise := fmt.Sprintf("budget.commands to %d", d.Most)
	if d.Quota > 0 {
		cost += fmt.Sprintf(", %s of the plan", percent(d.Share(d.Most)))
		budget = fmt.Sprintf("%s (%s)", percent(d.Share(d.Allowed)), budget)
		raise = fmt.Sprintf("budget.share to %.3f", float64(int64(d.Share(d.Most)*1000)+1)/1000)
	}
	advice, example := advise(c, d, largest)
	return config.Problem{
		Key: fmt.Sprintf("databases[%d].checks", i), Database: d.Name, Cause: cause.MonitorBudget,
		What: fmt.Sprintf("%s, above the budget of %s; the most is %s every %s with %s: %s, or raise %s, or set budget.override",
			cost, budget, largest.Name(), text.Short(largest.Every), text.Thousands(largest.Most), advice, raise),
		Example: example,
	}
}

// advise says how the largest line would have to change for the sum to fit.
func advise(c *config.Config, d Database, largest Line) (advice, example string) {
	left := d.Allowed - (d.Most - largest.Most)
	key := string(largest.Checks[0]) + ".every"
	switch largest.Checks[0] {
	case report.MockMode:
		key = "app.proof_every"
	case report.Limiter:
		key = "app.limiter_every"
	}
	if left > 0 {
		perRun := largest.Most / largest.Runs
		step := c.Every(report.Metrics)
		every := time.Duration(float64(Month) * float64(perRun) / float64(left))
		every = (every + step - 1) / step * step
		for int64(Month/every)*perRun > left { // runs are whole numbers
			every += step
		}
		if every <= longest {
			return fmt.Sprintf("ask it every %s or less often", text.Short(every)), fmt.Sprintf("%s: %s", key, text.Short(every))
		}
	}
	return "ask it far less often, and others too", fmt.Sprintf("%s: %s", key, text.Short(min(24*time.Hour, largest.Every*10)))
}

// longest is the longest interval that the configuration accepts.
const longest = 168 * time.Hour

func percent(share float64) string {
	return strconv.FormatFloat(share*100, 'f', 1, 64) + " %"
}
