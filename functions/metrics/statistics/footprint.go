package statistics

import (
	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/config"
)

// Footprint is what watching a database takes of its plan in a month of 30 days, by the
// configuration. Least and Most are commands by Upstash's price list, which does not
// bill PING and INFO; Upper counts them as well. The ratios are shares of Quota, and are
// left out for a plan without one.
type Footprint struct {
	Database   string   `json:"database"`
	Plan       string   `json:"plan"`
	Quota      int64    `json:"quota_commands,omitempty"`
	Least      int64    `json:"least_commands"`
	Most       int64    `json:"most_commands"`
	Upper      int64    `json:"upper_commands"`
	LeastRatio *float64 `json:"least_ratio,omitempty"`
	MostRatio  *float64 `json:"most_ratio,omitempty"`
	UpperRatio *float64 `json:"upper_ratio,omitempty"`
	// Over says that Most is above the budget, Accepted that the configuration allows it.
	// Otherwise only free checks run, and the figures are what all checks would take.
	Over     bool `json:"over_budget,omitempty"`
	Accepted bool `json:"over_budget_accepted,omitempty"`
}

// footprints returns that of every database. They change with the configuration alone.
func footprints(c *config.Config) []Footprint {
	out := make([]Footprint, 0, len(c.Databases))
	for _, d := range budget.Commands(c) {
		f := Footprint{Database: d.Name, Plan: d.Plan, Quota: d.Quota, Least: d.Least, Most: d.Most, Upper: d.Upper, Over: d.Over(), Accepted: d.Over() && d.Override}
		if d.Quota > 0 {
			f.LeastRatio, f.MostRatio, f.UpperRatio = ratio(new(d.Share(d.Least))), ratio(new(d.Share(d.Most))), ratio(new(d.Share(d.Upper)))
		}
		out = append(out, f)
	}
	return out
}
