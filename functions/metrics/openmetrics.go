package metrics

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

// openMetrics answers Prometheus. Labels are the configuration's own names and closed
// sets, so there are as many series as the configuration makes, whatever happens.
func (f *Function) openMetrics(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), reading)
	defer cancel()
	q, ok := f.query(w, r)
	if !ok {
		return
	}
	s, err := f.reader.Read(ctx, q)
	if err != nil {
		job.WriteError(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	format := expfmt.NewFormat(expfmt.TypeOpenMetrics)
	if r.Header.Get("Accept") != "" {
		format = expfmt.NegotiateIncludingOpenMetrics(r.Header)
	}
	var b bytes.Buffer
	e := expfmt.NewEncoder(&b, format)
	for _, family := range families(s) {
		if err := e.Encode(family); err != nil {
			job.WriteError(w, http.StatusInternalServerError, "encoding the figures")
			return
		}
	}
	if c, ok := e.(expfmt.Closer); ok {
		_ = c.Close() // into memory
	}
	write(w, r, http.StatusOK, string(format), b.Bytes())
}

// collector gathers families.
type collector struct {
	list []*dto.MetricFamily
	at   map[string]*dto.MetricFamily
}

// A definition is one family. Its name ends in its unit, and in _total for a counter.
type definition struct {
	name, unit, help string
	kind             dto.MetricType
}

// add adds a sample, with labels as name and value in turn. A value that is not known
// is left out.
func (c *collector) add(d definition, value *float64, labels ...string) {
	if value == nil {
		return
	}
	f := c.at[d.name]
	if f == nil {
		f = &dto.MetricFamily{Name: &d.name, Help: &d.help, Type: &d.kind}
		if d.unit != "" {
			f.Unit = &d.unit
		}
		c.at[d.name] = f
		c.list = append(c.list, f)
	}
	m := &dto.Metric{}
	for pair := range slices.Chunk(labels, 2) {
		m.Label = append(m.Label, &dto.LabelPair{Name: &pair[0], Value: &pair[1]})
	}
	if d.kind == dto.MetricType_COUNTER {
		m.Counter = &dto.Counter{Value: value}
	} else {
		m.Gauge = &dto.Gauge{Value: value}
	}
	f.Metric = append(f.Metric, m)
}

func gauge(name, unit, help string) definition {
	return definition{name, unit, help, dto.MetricType_GAUGE}
}

// The families. Waits are of the pings of the range that is asked for, the last hour
// by default.
var (
	buildInfo = gauge("pongwatch_build_info", "", "The version of pongwatch, as a label; always 1.")

	databaseInfo   = gauge("pongwatch_database_info", "", "What the configuration says of a database; always 1.")
	databaseStatus = gauge("pongwatch_database_status", "", "How a database is: 1 for the status that holds, 0 for the others.")
	pingUp         = gauge("pongwatch_ping_up", "", "Whether the last PING was answered.")
	pingWait       = gauge("pongwatch_ping_wait_seconds", "seconds", "First byte of the last PONG minus the request.")
	pingPercentile = gauge("pongwatch_ping_wait_percentile_seconds", "seconds", "Exact percentiles of the wait for the PONG over the range.")
	pingTime       = gauge("pongwatch_ping_timestamp_seconds", "seconds", "When the last PING was scheduled.")
	pings          = gauge("pongwatch_pings", "", "Pings in the range by result.")
	availability   = gauge("pongwatch_availability_ratio", "ratio", "Good pings among those judged, in 30 days, from the home region.")
	budgetLeft     = gauge("pongwatch_error_budget_left_ratio", "ratio", "What is left of the failures that the objective allows in 30 days.")
	memoryUsed     = gauge("pongwatch_memory_used_ratio", "ratio", "Data as a share of the plan's quota.")
	commandsUsed   = gauge("pongwatch_commands_used_ratio", "ratio", "This month's commands as a share of the plan's quota.")
	commandsExact  = gauge("pongwatch_commands_exact", "", "Whether the account itself told the month's commands; 0 is a lower bound.")
	memoryLeft     = gauge("pongwatch_memory_full_in_seconds", "seconds", "Until the data quota is full at this rate; absent where that cannot be told.")
	commandsLeft   = gauge("pongwatch_commands_out_in_seconds", "seconds", "Until the month's commands are used up at this rate; absent where that cannot be told.")
	hitRatio       = gauge("pongwatch_hit_ratio", "ratio", "Look-ups that found their key, over the range.")
	checkOK        = gauge("pongwatch_check_ok", "", "Whether the last verdict of a check was good; absent while it is unknown.")

	incidentsOpen = gauge("pongwatch_incidents_open", "", "Open incidents by severity.")
	deliveries    = gauge("pongwatch_deliveries", "", "Receivers of incidents by how far they are.")
	jobTime       = gauge("pongwatch_job_last_run_timestamp_seconds", "seconds", "When a job's last run was scheduled.")
	jobLag        = gauge("pongwatch_job_lag_seconds", "seconds", "How late a job's last run began.")
	jobOK         = gauge("pongwatch_job_on_time", "", "Whether a job's last run is recent enough.")
)

// redisFamilies show INFO's gauges. What a replica counts is labelled with it: on another
// it is another counter.
var redisFamilies = []struct {
	gauge report.Gauge
	definition
}{
	{report.GaugeDataSize, gauge("pongwatch_redis_data_bytes", "bytes", "Data in the database.")},
	{report.GaugeDataLimit, gauge("pongwatch_redis_data_limit_bytes", "bytes", "The plan's data quota.")},
	{report.GaugeMemoryUsed, gauge("pongwatch_redis_memory_used_bytes", "bytes", "Data in the tier in memory.")},
	{report.GaugeMemoryLimit, gauge("pongwatch_redis_memory_limit_bytes", "bytes", "The size of the tier in memory.")},
	{report.GaugeKeys, gauge("pongwatch_redis_keys", "", "Keys in the database.")},
	{report.GaugeConnections, gauge("pongwatch_redis_connections", "", "Open connections.")},
	{report.GaugeOpsPerSec, gauge("pongwatch_redis_operations_per_second", "", "Commands a second, by INFO.")},
	{report.GaugeCommands, counter("pongwatch_redis_commands_total", "Commands that the database has processed.")},
	{report.GaugeReads, counter("pongwatch_redis_reads_total", "Commands that read.")},
	{report.GaugeWrites, counter("pongwatch_redis_writes_total", "Commands that write.")},
	{report.GaugeHits, counter("pongwatch_redis_hits_total", "Look-ups that found their key.")},
	{report.GaugeMisses, counter("pongwatch_redis_misses_total", "Look-ups that did not.")},
	{report.GaugeExpired, counter("pongwatch_redis_expired_keys_total", "Keys that have expired.")},
	{report.GaugeEvicted, counter("pongwatch_redis_evicted_keys_total", "Keys that were dropped for want of space.")},
}

func counter(name, help string) definition {
	return definition{name, "", help, dto.MetricType_COUNTER}
}

func families(s *statistics.Statistics) []*dto.MetricFamily {
	c := &collector{at: map[string]*dto.MetricFamily{}}
	c.add(buildInfo, new(1.0), "version", s.Version)
	for i := range s.Databases {
		c.database(&s.Databases[i])
	}
	c.monitor(s)
	c.footprint(s)
	return c.list
}

func (c *collector) database(d *statistics.Database) {
	c.add(databaseInfo, new(1.0), "database", d.Name, "shard", d.Shard, "environment", d.Environment, "plan", d.Plan, "home", d.Home)
	for _, w := range statistics.Words() {
		c.add(databaseStatus, truth(d.Status == w), "database", d.Name, "status", string(w))
	}
	for i := range d.Regions {
		c.region(d.Name, &d.Regions[i])
	}
	c.add(availability, d.Uptime.Availability, "database", d.Name)
	c.add(budgetLeft, d.Uptime.BudgetLeft, "database", d.Name)
	c.fallback(d)
	c.add(memoryUsed, d.MemoryRatio, "database", d.Name)
	c.add(commandsUsed, d.CommandsRatio, "database", d.Name)
	if d.CommandsRatio != nil {
		c.add(commandsExact, truth(!d.CommandsAtLeast), "database", d.Name)
	}
	c.add(memoryLeft, float(d.MemoryFullInSeconds), "database", d.Name)
	c.add(commandsLeft, float(d.CommandsOutInSeconds), "database", d.Name)
	c.add(hitRatio, d.HitRate, "database", d.Name)
	for _, g := range redisFamilies {
		if v, ok := d.Gauges[g.gauge]; ok {
			labels := []string{"database", d.Name}
			if g.kind == dto.MetricType_COUNTER {
				labels = append(labels, "replica", d.Replica)
			}
			c.add(g.definition, &v, labels...)
		}
	}
	for _, check := range report.Checks() {
		if v, ok := d.Checks[check]; ok && v.Status != report.Unknown {
			c.add(checkOK, truth(v.Status == report.OK), "database", d.Name, "check", string(check))
		}
	}
}

func (c *collector) region(database string, r *statistics.Region) {
	labels := []string{"database", database, "region", r.Region}
	with := func(more ...string) []string { return slices.Concat(labels, more) }
	if last := r.Last; last != nil {
		up := last.Status == report.OK || last.Status == report.Warn
		if last.Status != report.Unknown {
			c.add(pingUp, truth(up), labels...)
		}
		if up {
			c.add(pingWait, new(last.Phases.Wait/1000), labels...)
		}
		c.add(pingTime, new(float64(last.At.UnixMilli())/1000), labels...)
	}
	for _, p := range []struct {
		percentile string
		ms         *float64
	}{{"50", r.P50}, {"95", r.P95}, {"99", r.P99}} {
		if p.ms != nil {
			c.add(pingPercentile, new(*p.ms/1000), with("percentile", p.percentile)...)
		}
	}
	c.add(pings, new(float64(r.Good)), with("result", "good")...)
	c.add(pings, new(float64(r.Failed)), with("result", "failed")...)
	c.add(pings, new(float64(r.Unknown)), with("result", "unknown")...)
}

func (c *collector) monitor(s *statistics.Statistics) {
	open := map[string]float64{}
	for _, i := range s.Incidents.Open {
		open[string(i.Severity)]++
	}
	for _, severity := range []string{"critical", "warning", "info"} {
		c.add(incidentsOpen, new(open[severity]), "severity", severity)
	}
	d := s.Monitor.Deliveries
	for _, of := range []struct {
		name string
		n    int
	}{{"delivered", d.Delivered}, {"pending", d.Pending}, {"failed", d.Failed}} {
		c.add(deliveries, new(float64(of.n)), "delivery", of.name)
	}
	for _, j := range s.Monitor.Jobs {
		labels := []string{"job_name", string(j.Job), "shard", j.Shard, "region", j.Region}
		c.add(jobOK, truth(j.State == statistics.JobOK), labels...)
		if !j.LastRun.IsZero() {
			c.add(jobTime, new(float64(j.LastRun.Unix())), labels...)
			c.add(jobLag, new(float64(j.LagMS)/1000), labels...)
		}
	}
}

func truth(v bool) *float64 {
	if v {
		return new(1.0)
	}
	return new(0.0)
}

func float(v *int64) *float64 {
	if v == nil {
		return nil
	}
	return new(float64(*v))
}
