package alert

import (
	"context"
	"log/slog"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// The values of the field "event" on which Cloud Monitoring counts and alerts.
const (
	eventTransition  = "transition"
	eventDelivery    = "delivery"
	eventUndelivered = "undelivered"
	eventHeartbeat   = "heartbeat"
)

func (f *Function) logTransitions(ctx context.Context, shard string, transitions []notify.Transition) {
	for _, t := range transitions {
		if t.Dropped != "" {
			f.log.WarnContext(ctx, "delivery dropped: the receiver is no longer configured", "event", eventDelivery, "shard", shard,
				"incident", incident.ShortID(t.ID), "incident_id", t.ID, "receiver", t.Dropped, "outcome", "dropped")
			continue
		}
		level := slog.LevelInfo
		if t.Event == incident.Updated {
			level = slog.LevelDebug
		}
		f.log.Log(ctx, level, "incident changed", "event", eventTransition, "shard", shard, "transition", t.Event,
			"incident", incident.ShortID(t.ID), "incident_id", t.ID, "series", t.Series.String(),
			"incident_severity", t.Severity, "cause", t.Cause, "withheld", t.Withheld)
	}
}

func (f *Function) logDelivery(ctx context.Context, n incident.Notice, r notify.Result, took time.Duration) {
	level, outcome := slog.LevelInfo, string(r.Result)
	switch {
	case r.Result == message.Refused:
		level = slog.LevelError
	case r.Unsent:
		level, outcome = slog.LevelDebug, "nothing"
	case r.Result != message.Delivered:
		level = slog.LevelWarn
	}
	f.log.Log(ctx, level, "notification", "event", eventDelivery, "shard", n.Shard, "incident", n.Short(), "incident_id", n.ID(),
		"receiver", n.Address, "about", n.Event(), "revision", n.Want, "outcome", outcome, "error", r.Reason,
		"retry_after_ms", r.RetryAfter.Milliseconds(), "took_ms", took.Milliseconds())
}

// undelivered logs at ERROR, with every message, that a critical incident has reached no
// receiver that pages. Cloud Monitoring alerts on it through its own channel.
func (f *Function) undelivered(ctx context.Context, s incident.State, p policy.Policy, now time.Time) {
	unheard := notify.Undelivered(s, p, now)
	f.mu.Lock()
	f.unheard[s.Shard] = true
	if len(unheard) == 0 {
		delete(f.unheard, s.Shard)
	}
	f.mu.Unlock()
	for _, u := range unheard {
		f.log.ErrorContext(ctx, "critical incident is undelivered", "event", eventUndelivered, "shard", s.Shard,
			"incident", incident.ShortID(u.ID), "incident_id", u.ID, "since", u.Since, "receivers", u.Receivers)
	}
}
