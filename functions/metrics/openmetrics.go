package metrics

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/version"
)

// openMetrics answers Prometheus. Labels are the configuration's own names and closed
// sets, so the configuration alone decides how many series there are.
func (f *Function) openMetrics(r *http.Request, q statistics.Query) *answer {
	s, err := f.reader.Read(r.Context(), q)
	if err != nil {
		f.log.WarnContext(r.Context(), "history not read", slog.String("event", "history_failed"), slog.Any("error", err))
		return failure(http.StatusServiceUnavailable, "history cannot be read")
	}
	format := expfmt.NewFormat(expfmt.TypeOpenMetrics)
	if r.Header.Get("Accept") != "" {
		format = expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	}
	return &answer{status: http.StatusOK, contentType: string(format), encode: func(out io.Writer) error {
		e := expfmt.NewEncoder(out, format)
		for family := range families(s, f.options.Build) {
			if err := e.Encode(family); err != nil {
				return fmt.Errorf("encoding the figures: %w", err)
			}
		}
		if c, ok := e.(expfmt.Closer); ok {
			return c.Close()
		}
		return nil
	}}
}

// collector gathers families, in the order in which they are added: those that are wanted,
// and of the others only the names.
type collector struct {
	wanted, names []string
	families      []*dto.MetricFamily
}

// atOnce is how many families are made at once: of thousands of databases, all of them are
// ten times as large as what they are made from.
const atOnce = 8

// families yields every family.
func families(s *statistics.Statistics, b version.Build) iter.Seq[*dto.MetricFamily] {
	return func(yield func(*dto.MetricFamily) bool) {
		var all collector
		all.collect(s, b)
		for some := range slices.Chunk(all.names, atOnce) {
			c := collector{wanted: some}
			c.collect(s, b)
			for _, f := range c.families {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// gauge adds a sample, with labels as name and value in turn. A nil value is not known, and
// left out. A unit ends the name.
func (c *collector) gauge(name, help string, value *float64, labels ...string) {
	if value != nil {
		c.add(name, help, dto.MetricType_GAUGE, labels).Gauge = &dto.Gauge{Value: value}
	}
}

func (c *collector) add(name, help string, kind dto.MetricType, labels []string) *dto.Metric {
	if !slices.Contains(c.wanted, name) {
		if !slices.Contains(c.names, name) {
			c.names = append(c.names, name)
		}
		return &dto.Metric{}
	}
	i := slices.IndexFunc(c.families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if i < 0 {
		f := &dto.MetricFamily{Name: &name, Help: &help, Type: &kind}
		if unit := name[strings.LastIndexByte(name, '_')+1:]; unit == "seconds" || unit == "bytes" || unit == "ratio" {
			f.Unit = &unit
		}
		i, c.families = len(c.families), append(c.families, f)
	}
	m := &dto.Metric{}
	for pair := range slices.Chunk(labels, 2) {
		m.Label = append(m.Label, &dto.LabelPair{Name: &pair[0], Value: &pair[1]})
	}
	c.families[i].Metric = append(c.families[i].Metric, m)
	return m
}

// redisFamilies are INFO's gauges. A name that ends in _total is a counter. A replica counts
// for itself, so a counter is labelled with its replica.
var redisFamilies = []struct {
	gauge      report.Gauge
	name, help string
}{
	{report.GaugeDataSize, "pongwatch_redis_data_bytes", "Data in the database."},
	{report.GaugeDataLimit, "pongwatch_redis_data_limit_bytes", "The plan's data quota."},
	{report.GaugeMemoryUsed, "pongwatch_redis_memory_used_bytes", "Data in the tier in memory."},
	{report.GaugeMemoryLimit, "pongwatch_redis_memory_limit_bytes", "The size of the tier in memory."},
	{report.GaugeKeys, "pongwatch_redis_keys", "Keys in the database."},
	{report.GaugeConnections, "pongwatch_redis_connections", "Open connections."},
	{report.GaugeOpsPerSec, "pongwatch_redis_operations_per_second", "Commands a second, by INFO."},
	{report.GaugeCommands, "pongwatch_redis_commands_total", "Commands that the database has processed."},
	{report.GaugeReads, "pongwatch_redis_reads_total", "Commands that read."},
	{report.GaugeWrites, "pongwatch_redis_writes_total", "Commands that write."},
	{report.GaugeHits, "pongwatch_redis_hits_total", "Look-ups that found their key."},
	{report.GaugeMisses, "pongwatch_redis_misses_total", "Look-ups that did not."},
	{report.GaugeExpired, "pongwatch_redis_expired_keys_total", "Keys that have expired."},
	{report.GaugeEvicted, "pongwatch_redis_evicted_keys_total", "Keys that were dropped because memory was full."},
}

func (c *collector) collect(s *statistics.Statistics, b version.Build) {
	c.gauge("pongwatch_build_info", "The version, commit and Go of pongwatch, as labels; always 1.",
		new(1.0), "version", b.Version, "commit", b.Commit, "goversion", b.Go)
	for i := range s.Databases {
		c.database(&s.Databases[i])
	}
	c.monitor(s)
}

func (c *collector) database(d *statistics.Database) {
	of := []string{"database", d.Name}
	c.gauge("pongwatch_database_info", "What the configuration says of a database; always 1.",
		new(1.0), "database", d.Name, "shard", d.Shard, "environment", d.Environment, "plan", d.Plan, "home", d.Home)
	for _, w := range statistics.Words() {
		c.gauge("pongwatch_database_status", "How a database is: 1 for the status that holds, 0 for the others.",
			truth(d.Status == w), "database", d.Name, "status", string(w))
	}
	for i := range d.Regions {
		c.region(d.Name, &d.Regions[i])
	}
	c.gauge("pongwatch_availability_ratio", "Good pings among those judged, in 30 days, from the home region.", d.Uptime.Availability, of...)
	c.gauge("pongwatch_error_budget_left_ratio", "What is left of the failures that the objective allows in 30 days.", d.Uptime.BudgetLeft, of...)
	if f := d.Fallback; f != nil {
		// By database: an app's own signals may name any app.
		c.gauge("pongwatch_mock_mode_apps", "Apps of a database that are in mock mode now.", number(len(f.Active)), of...)
		c.gauge("pongwatch_mock_mode_activations", "How often apps fell back to mock mode in the last 24 hours.", number(f.Activations), of...)
		c.gauge("pongwatch_mock_mode_seconds", "How long at least one app was in mock mode in the last 24 hours.", new(f.Minutes*60), of...)
	}
	c.gauge("pongwatch_memory_used_ratio", "Data as a share of the plan's quota.", d.MemoryRatio, of...)
	c.gauge("pongwatch_commands_used_ratio", "This month's commands as a share of the plan's quota.", d.CommandsRatio, of...)
	if d.CommandsRatio != nil {
		c.gauge("pongwatch_commands_exact", "Whether the account reported the month's commands; 0 is a lower bound.", truth(!d.CommandsAtLeast), of...)
	}
	c.gauge("pongwatch_bandwidth_used_ratio", "This month's traffic as a share of the plan's.", d.BandwidthRatio, of...)
	c.gauge("pongwatch_budget_used_ratio", "What this month costs as a share of the database's budget.", d.BudgetRatio, of...)
	c.gauge("pongwatch_connections_used_ratio", "Open TCP connections as a share of the plan's.", d.ConnectionsRatio, of...)
	for _, f := range []struct {
		name, until string
		in          *int64
	}{
		{"memory_full", "Until the data quota is full", d.MemoryFullInSeconds},
		{"commands_out", "Until the month's commands are used up", d.CommandsOutInSeconds},
		{"bandwidth_out", "Until the month's traffic is used up", d.BandwidthOutInSeconds},
		{"budget_out", "Until the database's budget is spent", d.BudgetOutInSeconds},
	} {
		if f.in != nil {
			c.gauge("pongwatch_"+f.name+"_in_seconds", f.until+" at this rate; absent where that is not known.", number(*f.in), of...)
		}
	}
	c.gauge("pongwatch_hit_ratio", "Look-ups that found their key, over the range.", d.HitRate, of...)
	for _, g := range redisFamilies {
		v, ok := d.Gauges[g.gauge]
		switch {
		case ok && strings.HasSuffix(g.name, "_total"):
			c.add(g.name, g.help, dto.MetricType_COUNTER, append(of[:2:2], "replica", d.Replica)).Counter = &dto.Counter{Value: &v}
		case ok:
			c.gauge(g.name, g.help, &v, of...)
		}
	}
	for _, check := range report.Checks() {
		if v, ok := d.Checks[check]; ok && v.Status != report.Unknown {
			c.gauge("pongwatch_check_ok", "Whether the last verdict of a check was good; absent while it is unknown.",
				truth(v.Status == report.OK), "database", d.Name, "check", string(check))
		}
	}
}

// region adds the pings from one region in the range, the last hour by default.
func (c *collector) region(database string, r *statistics.Region) {
	labels := []string{"database", database, "region", r.Region}
	if last := r.Last; last != nil {
		up := last.Status == report.OK || last.Status == report.Warn
		if last.Status != report.Unknown {
			c.gauge("pongwatch_ping_up", "Whether the last PING was answered.", truth(up), labels...)
		}
		if up {
			c.gauge("pongwatch_ping_wait_seconds", "First byte of the last PONG minus the request.", new(last.Phases.Wait/1000), labels...)
		}
		c.gauge("pongwatch_ping_timestamp_seconds", "When the last PING was scheduled.", new(float64(last.At.UnixMilli())/1000), labels...)
	}
	for _, p := range []struct {
		percentile string
		ms         *float64
	}{{"50", r.P50}, {"95", r.P95}, {"99", r.P99}} {
		if p.ms != nil {
			c.gauge("pongwatch_ping_wait_percentile_seconds", "Exact percentiles of the wait for the PONG over the range.",
				new(*p.ms/1000), append(labels[:4:4], "percentile", p.percentile)...)
		}
	}
	for _, of := range []struct {
		result string
		n      int
	}{{"good", r.Good}, {"failed", r.Failed}, {"unknown", r.Unknown}} {
		c.gauge("pongwatch_pings", "Pings in the range by result.", number(of.n), append(labels[:4:4], "result", of.result)...)
	}
}

func (c *collector) monitor(s *statistics.Statistics) {
	open := map[cause.Severity]int{} // of what could be read
	for _, i := range s.Incidents.Open {
		open[i.Severity]++
	}
	for _, severity := range []cause.Severity{cause.SeverityCritical, cause.SeverityWarning, cause.SeverityInfo} {
		if len(s.Incidents.Unread) == 0 {
			c.gauge("pongwatch_incidents_open", "Open incidents by severity.", number(open[severity]), "severity", string(severity))
		}
	}
	for _, of := range []struct {
		delivery string
		n        int
	}{{"delivered", s.Monitor.Deliveries.Delivered}, {"pending", s.Monitor.Deliveries.Pending}, {"failed", s.Monitor.Deliveries.Failed}} {
		c.gauge("pongwatch_deliveries", "Receivers of incidents by how far they are.", number(of.n), "delivery", of.delivery)
	}
	for _, j := range s.Monitor.Jobs {
		labels := []string{"job_name", string(j.Job), "shard", j.Shard, "region", j.Region}
		c.gauge("pongwatch_job_on_time", "Whether a job's last run is recent enough.", truth(j.State == statistics.JobOK), labels...)
		if !j.LastRun.IsZero() {
			c.gauge("pongwatch_job_last_run_timestamp_seconds", "When a job's last run was scheduled.", number(j.LastRun.Unix()), labels...)
			c.gauge("pongwatch_job_lag_seconds", "How late a job's last run began.", new(float64(j.LagMS)/1000), labels...)
		}
	}
	for _, f := range s.Monitor.Footprint {
		for _, b := range []struct {
			bound    string
			commands int64
			ratio    *float64
		}{{"least", f.Least, f.LeastRatio}, {"most", f.Most, f.MostRatio}, {"upper", f.Upper, f.UpperRatio}} {
			labels := []string{"database", f.Database, "bound", b.bound}
			c.gauge("pongwatch_footprint_commands", "Commands a month that watching a database takes, by the configuration: the least and the most that the price list bills, and the upper bound if PING and INFO are billed too.", number(b.commands), labels...)
			c.gauge("pongwatch_footprint_ratio", "The same as a share of the plan's commands a month; absent for a plan without a quota.", b.ratio, labels...)
		}
	}
}

func number[N int | int64](n N) *float64 { return new(float64(n)) }

func truth(v bool) *float64 {
	if v {
		return new(1.0)
	}
	return new(0.0)
}
