package alert

import (
	"context"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// trendTimeout bounds what an alert waits for its picture of the last hour.
const trendTimeout = time.Second

// trends keeps the latency before the opening in incidents that were just opened:
// later it could not be read any more. A failure leaves it out.
func (f *Function) trends(ctx context.Context, shard string, s *incident.State, transitions []incident.Transition) {
	if f.options.Trend == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, trendTimeout)
	defer cancel()
	for _, t := range transitions {
		inc, ok := s.Incidents[t.ID]
		if !ok || t.Event != incident.Opened || t.Series.Check != report.Ping && t.Series.Check != report.Latency || ctx.Err() != nil {
			continue
		}
		inc.Sparkline = f.options.Trend(ctx, shard, t.Series.Database, inc.Since)
		s.Incidents[t.ID] = inc
	}
}
