package metrics

import "github.com/pongwatch/pongwatch/functions/metrics/statistics"

// The families of mock mode. They are by database, since the names of apps come from
// outside: an app's own signals may name any.
var (
	mockApps        = gauge("pongwatch_mock_mode_apps", "", "Apps of a database that are in mock mode now.")
	mockActivations = gauge("pongwatch_mock_mode_activations", "", "How often apps fell back to mock mode in the last 24 hours.")
	mockTime        = gauge("pongwatch_mock_mode_seconds", "seconds", "How long at least one app was in mock mode in the last 24 hours.")
)

func (c *collector) fallback(d *statistics.Database) {
	f := d.Fallback
	if f == nil {
		return
	}
	c.add(mockApps, new(float64(len(f.Active))), "database", d.Name)
	c.add(mockActivations, new(float64(f.Activations)), "database", d.Name)
	c.add(mockTime, new(f.Minutes*60), "database", d.Name)
}
