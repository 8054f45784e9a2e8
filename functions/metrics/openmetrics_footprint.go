package metrics

import "github.com/pongwatch/pongwatch/functions/metrics/statistics"

// The families of what pongwatch itself takes of the plans: three bounds a database.
var (
	footprintCommands = gauge("pongwatch_footprint_commands", "", "Commands a month that watching a database takes, by the configuration: the least and the most that the price list bills, and the upper bound if PING and INFO are billed too.")
	footprintRatio    = gauge("pongwatch_footprint_ratio", "ratio", "The same as a share of the plan's commands a month; absent for a plan without a quota.")
)

func (c *collector) footprint(s *statistics.Statistics) {
	for _, f := range s.Monitor.Footprint {
		for _, b := range []struct {
			bound    string
			commands int64
			ratio    *float64
		}{{"least", f.Least, f.LeastRatio}, {"most", f.Most, f.MostRatio}, {"upper", f.Upper, f.UpperRatio}} {
			c.add(footprintCommands, new(float64(b.commands)), "database", f.Database, "bound", b.bound)
			c.add(footprintRatio, b.ratio, "database", f.Database, "bound", b.bound)
		}
	}
}
