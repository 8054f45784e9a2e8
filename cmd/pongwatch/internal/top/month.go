package top

import (
	"fmt"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/text"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// Month is what is known of a database's plan and its month before the sample.
type Month struct {
	// Plan is the account's name for it, or else the configuration's.
	Plan string
	// Quota is the plan's commands a month and Traffic its bytes, 0 without a limit.
	Quota, Traffic int64
	// Budget is the most dollars a month, 0 without one.
	Budget float64
	// StopAt is the share of any of them from which no sample is taken.
	StopAt float64
	// Stats are what is used, nil where the account was not asked or did not answer.
	Stats *upstash.Stats
	// Doubt is why the account did not answer, nil where it did or is not configured.
	Doubt error
}

// A plan with at most so much is small: that of the free plan.
const (
	smallQuota   = 500_000
	smallTraffic = 10 << 30
)

// NewMonth joins what the configuration and the account say; account is nil without one.
func NewMonth(d *config.Database, account *upstash.Database, stats *upstash.Stats, doubt error) Month {
	m := Month{Plan: d.Plan, Quota: d.Limits.Commands, Traffic: int64(d.Limits.Bandwidth), StopAt: d.Budget.StopAt, Stats: stats, Doubt: doubt}
	if account == nil {
		return m
	}
	m.Budget = account.Budget
	switch plan := config.PlanName(account.Type, account.MaxData); {
	case plan == "" || plan == m.Plan:
	case plan == "custom" && m.Plan != "free" && m.Plan != payAsYouGo: // the account does not say which fixed plan
	default:
		limits := config.PlanOf(plan).Limits
		m.Plan, m.Quota, m.Traffic = plan, limits.Commands, int64(limits.Bandwidth)
	}
	if account.MonthlyCommands > 0 {
		m.Quota = account.MonthlyCommands
	}
	return m
}

// Refusal says why a sample is not taken unless its cost is accepted, or "".
func (m Month) Refusal() string {
	if m.Doubt != nil {
		return "how much of the month is used could not be read: " + m.Doubt.Error()
	}
	if s := m.Stats; s != nil {
		over := func(used, limit float64) bool { return limit > 0 && m.StopAt > 0 && used >= m.StopAt*limit }
		switch {
		case over(float64(s.Commands), float64(m.Quota)):
			return fmt.Sprintf("%s of the month's %s commands are used", text.Thousands(s.Commands), text.Thousands(m.Quota))
		case s.Bandwidth != nil && over(*s.Bandwidth, float64(m.Traffic)) && m.Plan != payAsYouGo:
			return fmt.Sprintf("%s of the month's %s of traffic are used", size(int64(*s.Bandwidth)), size(m.Traffic))
		case s.Dollars != nil && over(*s.Dollars, m.Budget) && m.Plan == payAsYouGo:
			return fmt.Sprintf("$%.2f of the database's budget of $%.2f are used", *s.Dollars, m.Budget)
		}
	}
	if m.Quota > 0 && m.Quota <= smallQuota || m.Traffic > 0 && m.Traffic <= smallTraffic {
		plan := "plan " + m.Plan
		if m.Stats == nil {
			plan += " (databases[].plan)"
		}
		return fmt.Sprintf("%s is small, with %s commands and %s of traffic a month", plan, text.Thousands(m.Quota), size(m.Traffic))
	}
	return ""
}

// bytesPerLine is what a line of MONITOR takes: a short command with a key and a value.
const bytesPerLine = 120

// Expect says what a sample costs that is taken at so many commands a second.
func (m Month) Expect(length time.Duration, perSecond float64) string {
	bytes := int64(perSecond * length.Seconds() * bytesPerLine)
	s := fmt.Sprintf("a sample of %.0f s costs 1 command and about %s of traffic at %s commands a second", length.Seconds(), size(bytes), text.Thousands(perSecond))
	if m.Traffic > 0 {
		s += fmt.Sprintf(", %s of the plan's", percent(float64(bytes)/float64(m.Traffic)))
	}
	return s
}

// size prints bytes as Upstash counts them, a KB being 1,024.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
}

func percent(share float64) string {
	if share > 0 && share < 0.001 {
		return "< 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", share*100)
}
