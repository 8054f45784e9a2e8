package healthcheck

import (
	"context"
	"log/slog"
	"time"

	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

// The fields of the line that is logged for each database of each run. Log-based
// metrics are made of them: a change here is a change in Terraform.
const (
	EventProbe = "probe"

	FieldEvent     = "event"
	FieldDatabase  = "database"
	FieldShard     = "shard"
	FieldRegion    = "region"
	FieldStatus    = "status"
	FieldCause     = "cause"
	FieldLatency   = "latency_ms"
	FieldDNS       = "dns_ms"
	FieldConnect   = "connect_ms"
	FieldTLS       = "tls_ms"
	FieldTotal     = "total_ms"
	FieldAttempts  = "attempts"
	FieldScheduled = "scheduled"
	FieldLag       = "lag_ms"
)

// logProbes writes a line for each database. What is wrong with a database is a
// warning: errors are pongwatch's own. A phase that was not reached is left out.
func (f *Function) logProbes(ctx context.Context, r job.Round, observations []report.Observation) {
	for _, o := range observations {
		if o.Check != report.Ping {
			continue
		}
		level := slog.LevelInfo
		if o.Status != report.OK {
			level = slog.LevelWarn
		}
		attrs := []slog.Attr{
			slog.String(FieldEvent, EventProbe),
			slog.String(FieldDatabase, o.Database),
			slog.String(FieldShard, r.Shard),
			slog.String(FieldRegion, f.options.Region),
			slog.String(FieldStatus, string(o.Status)),
			slog.String(FieldCause, string(o.Cause)),
			slog.Int(FieldAttempts, o.Attempts),
			slog.String(FieldScheduled, r.Scheduled.UTC().Format(time.RFC3339)),
			slog.Int64(FieldLag, r.Lag().Milliseconds()),
		}
		phase := func(field string, ms float64) {
			if ms > 0 {
				attrs = append(attrs, slog.Float64(field, ms))
			}
		}
		if p := o.Phases; p != nil {
			phase(FieldLatency, p.Wait)
			phase(FieldDNS, p.DNS)
			phase(FieldConnect, p.Connect)
			phase(FieldTLS, p.TLS)
			phase(FieldTotal, p.Total)
		}
		f.log.LogAttrs(ctx, level, "probe", attrs...)
	}
}
