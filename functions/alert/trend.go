package alert

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// trendTimeout bounds what an alert waits for its picture of the last hour.
const trendTimeout = time.Second

// trendsMost bounds how many pictures are read at once.
const trendsMost = 5

// trends draws the latency before the opening into incidents that were just opened,
// because it could not be read later. A failure leaves it out.
func (f *Function) trends(ctx context.Context, shard string, s incident.State, transitions []notify.Transition) {
	if f.options.Trend == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, trendTimeout)
	defer cancel()
	drawn := 0
	for _, t := range transitions {
		inc, ok := s.Incidents[t.ID]
		if !ok || t.Event != incident.Opened || t.Series.Check != report.Ping && t.Series.Check != report.Latency || ctx.Err() != nil {
			continue
		}
		if drawn++; drawn > trendsMost {
			return // so many are told as a group, which shows no picture
		}
		inc.Sparkline = f.options.Trend(ctx, shard, t.Series.Database, inc.Since)
	}
}

// The picture: twelve bars of five minutes.
const (
	trendBars = 12
	trendBar  = 5 * time.Minute
)

// Trend returns a source for Options.Trend that reads the pings of the database's
// home region.
func Trend(c *config.Config, archive *history.Archive) func(ctx context.Context, shard, database string, at time.Time) string {
	return func(ctx context.Context, shard, database string, at time.Time) string {
		region := ""
		if d := c.Database(database); d != nil {
			region = d.Home
		}
		from := at.Add(-trendBars * trendBar)
		hours, err := archive.Pings(ctx, shard, region, from, at)
		if err != nil {
			return "" // the message goes without
		}
		var samples []report.Sample
		for _, h := range hours {
			samples = slices.AppendSeq(samples, h.Of[database].All())
		}
		return sparkline(samples, from, trendBar, trendBars)
	}
}

// sparkline draws the median wait of each span as a bar, the slowest at full
// height, and names the scale; a span without a good ping is a gap.
func sparkline(samples []report.Sample, from time.Time, span time.Duration, spans int) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	waits := make([][]float64, spans)
	for _, s := range samples {
		if i := int(s.At.Sub(from) / span); !s.At.Before(from) && i < spans && (s.Status == report.OK || s.Status == report.Warn) {
			waits[i] = append(waits[i], s.Phases.Wait)
		}
	}
	var most float64
	for _, w := range waits {
		if slices.Sort(w); len(w) > 0 {
			most = max(most, w[len(w)/2])
		}
	}
	if most == 0 {
		return ""
	}
	var b strings.Builder
	for _, w := range waits {
		if len(w) == 0 {
			b.WriteRune('·')
			continue
		}
		b.WriteRune(bars[min(int(w[len(w)/2]/most*float64(len(bars))), len(bars)-1)])
	}
	return b.String() + fmt.Sprintf(" (█ is %s ms, a bar is %s)", text.Thousands(most), text.Duration(span))
}
