package deploytest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A monitor is what watches pongwatch's log and metrics.
type monitor struct {
	filters map[string]string // on log entries, by the address of their resource
	metrics map[string]metric // of the log, by their full names
	queries []query           // of metrics
}

// A metric is made of log entries.
type metric struct {
	address, resource string
	labels            []string
}

// A query is what a policy or a tile of the dashboard asks of a metric.
type query struct {
	user    string // the address of the policy, or the tile's title
	filter  string
	groupBy []string
}

var (
	queriedType     = regexp.MustCompile(`metric\.type="([^"]+)"`)
	queriedResource = regexp.MustCompile(`resource\.type="([^"]+)"`)
	queriedLabel    = regexp.MustCompile(`(metric|resource)\.labels?\.(\w+)`)
)

// monitorOf renders the Terraform and returns its filters, metrics and queries.
func monitorOf(t *testing.T) monitor {
	t.Helper()
	root := workspace(t, "terraform")
	if err := os.WriteFile(filepath.Join(root, "tests", "rendered.tftest.hcl"), []byte(rendering(minimal())), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := terraform(t, root, "test", "-json", "-verbose", "-filter=tests/rendered.tftest.hcl")
	if err != nil {
		t.Fatalf("%v\n%s", err, diagnostics(out))
	}
	m := monitor{filters: map[string]string{}, metrics: map[string]metric{}}
	type aggregated struct {
		Filter       string `json:"filter"`
		Aggregations []struct {
			GroupBy []string `json:"group_by_fields"`
		} `json:"aggregations"`
	}
	for line := range strings.Lines(out) {
		var event struct {
			TestState struct {
				RootModule struct {
					Resources []struct {
						Address, Type string
						Values        struct {
							Name       string         `json:"name"`
							Filter     string         `json:"filter"`
							Labels     map[string]any `json:"label_extractors"`
							Dashboard  string         `json:"dashboard_json"`
							Conditions []struct {
								Log       []aggregated `json:"condition_matched_log"`
								Absent    []aggregated `json:"condition_absent"`
								Threshold []aggregated `json:"condition_threshold"`
							} `json:"conditions"`
						} `json:"values"`
					} `json:"resources"`
				} `json:"root_module"`
			} `json:"test_state"`
		}
		if json.Unmarshal([]byte(line), &event) != nil {
			continue
		}
		for _, r := range event.TestState.RootModule.Resources {
			if strings.HasPrefix(r.Type, "google_logging_") {
				m.filters[r.Address] = r.Values.Filter
			}
			if r.Type == "google_logging_metric" {
				m.metrics["logging.googleapis.com/user/"+r.Values.Name] = metric{r.Address, queriedResource.FindStringSubmatch(r.Values.Filter)[1], slices.Sorted(maps.Keys(r.Values.Labels))}
			}
			for _, condition := range r.Values.Conditions {
				for _, log := range condition.Log {
					m.filters[r.Address] = log.Filter
				}
				for _, asked := range slices.Concat(condition.Absent, condition.Threshold) {
					m.queries = append(m.queries, query{r.Address, asked.Filter, asked.Aggregations[0].GroupBy})
				}
			}
			m.queries = append(m.queries, tiles(t, r.Values.Dashboard)...)
		}
	}
	return m
}

// tiles are the queries of a dashboard.
func tiles(t *testing.T, text string) []query {
	t.Helper()
	if text == "" {
		return nil
	}
	var dashboard struct {
		MosaicLayout struct {
			Tiles []struct {
				Widget struct {
					Title   string
					XyChart struct {
						DataSets []struct {
							TimeSeriesQuery struct {
								TimeSeriesFilter struct {
									Filter      string
									Aggregation struct{ GroupByFields []string }
								}
							}
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
		t.Fatal(err)
	}
	var all []query
	for _, tile := range dashboard.MosaicLayout.Tiles {
		for _, set := range tile.Widget.XyChart.DataSets {
			asked := set.TimeSeriesQuery.TimeSeriesFilter
			all = append(all, query{tile.Widget.Title, asked.Filter, asked.Aggregation.GroupByFields})
		}
	}
	return all
}

// googles are the metrics of Google Cloud that queries name, with the resource and the labels that each has
// (https://cloud.google.com/monitoring/api/metrics_gcp).
var googles = map[string]metric{
	"monitoring.googleapis.com/uptime_check/check_passed":           {resource: "uptime_url", labels: []string{"check_id", "host"}},
	"pubsub.googleapis.com/subscription/num_undelivered_messages":   {resource: "pubsub_subscription", labels: []string{"subscription_id"}},
	"pubsub.googleapis.com/subscription/oldest_unacked_message_age": {resource: "pubsub_subscription", labels: []string{"subscription_id"}},
	"run.googleapis.com/container/instance_count":                   {resource: "cloud_run_revision", labels: []string{"service_name"}},
	"run.googleapis.com/request_count":                              {resource: "cloud_run_revision", labels: []string{"response_code_class", "service_name"}},
}

func TestEachQueryNamesAMetricWithItsResourceAndLabels(t *testing.T) {
	t.Parallel()
	m := monitorOf(t)
	if len(m.queries) < 14 {
		t.Fatalf("only %d queries of policies and the dashboard", len(m.queries))
	}
	for _, q := range m.queries {
		name := queriedType.FindStringSubmatch(q.filter)[1]
		of, known := m.metrics[name]
		if !known {
			of, known = googles[name]
		}
		if resource := queriedResource.FindStringSubmatch(q.filter)[1]; !known || of.resource != resource {
			t.Errorf("%s asks for %s of a %s, which is of %q", q.user, name, resource, of.resource)
		}
		for _, label := range queriedLabel.FindAllStringSubmatch(q.filter+" "+strings.Join(q.groupBy, " "), -1) {
			if !slices.Contains(of.labels, label[2]) {
				t.Errorf("%s asks for the label %s of %s, which has %q", q.user, label[2], name, of.labels)
			}
		}
	}
}

// reached are the policies and tiles that read the metrics of these addresses.
func (m monitor) reached(addresses []string) []string {
	var all []string
	for _, q := range m.queries {
		if of, made := m.metrics[queriedType.FindStringSubmatch(q.filter)[1]]; made && slices.Contains(addresses, of.address) {
			all = append(all, q.user)
		}
	}
	return unique(all)
}

func TestEachLogFilterTakesItsOwnEntriesAndNoOthers(t *testing.T) {
	t.Parallel()
	const (
		runs, probes, latency = "google_logging_metric.runs", "google_logging_metric.probes", "google_logging_metric.latency"
		undelivered, ticks    = "google_logging_metric.undelivered", "google_logging_metric.ticks"
		errorPolicy, sink     = `google_monitoring_alert_policy.self["errors"]`, "google_logging_project_sink.mock_mode[0]"

		runsPolicy, ticksPolicy, undeliveredPolicy = `google_monitoring_alert_policy.self["runs_absent"]`, `google_monitoring_alert_policy.self["ticks_absent"]`, `google_monitoring_alert_policy.self["undelivered"]`
		outcomes, latencyTile                      = "Pings by outcome", "Latency, first byte (ms)"
	)
	of := func(service string) string {
		return `"resource": {"type": "cloud_run_revision", "labels": {"service_name": "` + service + `"}}`
	}
	const stdout, requests = `"logName": "projects/my-project/logs/run.googleapis.com%2Fstdout"`, `"logName": "projects/my-project/logs/run.googleapis.com%2Frequests"`
	m := monitorOf(t)
	taken := map[string]bool{}
	for _, c := range []struct {
		what, entry   string
		want, reached []string
	}{
		{"a good ping counts as a run and has a latency", `{` + of("pongwatch-healthcheck") + `, ` + stdout + `, "severity": "INFO", "jsonPayload": {"event": "probe", "latency_ms": 41.5}}`, []string{latency, probes, runs}, []string{latencyTile, outcomes, runsPolicy}},
		{"a failed ping has no latency and is no error of pongwatch", `{` + of("pongwatch-healthcheck") + `, ` + stdout + `, "severity": "WARNING", "jsonPayload": {"event": "probe", "latency_ms": 0}}`, []string{probes, runs}, []string{outcomes, runsPolicy}},
		{"a run in which no ping is due", `{` + of("pongwatch-healthcheck") + `, ` + stdout + `, "severity": "INFO", "jsonPayload": {"event": "run"}}`, []string{runs}, []string{runsPolicy}},
		{"a 503 of an unhealthy database is answered by design", `{` + of("pongwatch-healthcheck") + `, ` + requests + `, "severity": "ERROR", "httpRequest": {"status": 503, "userAgent": "curl"}}`, nil, nil},
		{"a 503 of Alert has a policy on the count of requests", `{` + of("pongwatch-alert") + `, ` + requests + `, "severity": "ERROR", "httpRequest": {"status": 503}}`, nil, nil},
		{"an error that Alert logs", `{` + of("pongwatch-alert") + `, ` + stdout + `, "severity": "ERROR", "jsonPayload": {"message": "the store does not answer"}}`, []string{errorPolicy}, nil},
		{"an undelivered critical has a policy of its own", `{` + of("pongwatch-alert") + `, ` + stdout + `, "severity": "ERROR", "jsonPayload": {"event": "undelivered"}}`, []string{undelivered}, []string{undeliveredPolicy}},
		{"a crash before the first request", `{` + of("pongwatch-metrics") + `, "logName": "projects/my-project/logs/run.googleapis.com%2Fvarlog%2Fsystem", "severity": "ERROR", "textPayload": "Container called exit(2)."}`, []string{errorPolicy}, nil},
		{"an audit entry of a deployment", `{` + of("pongwatch-alert") + `, "logName": "projects/my-project/logs/cloudaudit.googleapis.com%2Factivity", "severity": "NOTICE", "protoPayload": {"methodName": "ReplaceService"}}`, nil, nil},
		{"another service's error", `{` + of("backend") + `, ` + stdout + `, "severity": "ERROR", "textPayload": "boom"}`, nil, nil},
		{"a service whose name only begins like pongwatch's", `{` + of("pongwatch-alerts-of-others") + `, ` + stdout + `, "severity": "ERROR", "textPayload": "boom"}`, nil, nil},
		{"an app's mock mode", `{` + of("backend") + `, ` + stdout + `, "severity": "WARNING", "jsonPayload": {"event": "redis_mock_mode_activated"}}`, []string{sink}, nil},
		{"an app's open limiter", `{` + of("backend") + `, ` + stdout + `, "severity": "WARNING", "jsonPayload": {"event": "redis_limiter_open_activated"}}`, []string{sink}, nil},
		{"the end of that", `{` + of("backend") + `, ` + stdout + `, "severity": "INFO", "jsonPayload": {"event": "redis_limiter_open_deactivated"}}`, []string{sink}, nil},
		{"the end of an app's mock mode", `{` + of("backend") + `, ` + stdout + `, "severity": "INFO", "jsonPayload": {"event": "redis_mock_mode_deactivated"}}`, []string{sink}, nil},
		{"an app that only prints it", `{` + of("backend") + `, ` + stdout + `, "severity": "DEFAULT", "textPayload": "MOCK MODE ACTIVE: UPSTASH_REDIS_URL is missing"}`, []string{sink}, nil},
		{"a stranger's User-Agent in an access log", `{` + of("backend") + `, ` + requests + `, "severity": "INFO", "httpRequest": {"status": 200, "userAgent": "MOCK MODE ACTIVE"}}`, nil, nil},
		{"pongwatch's own words about mock mode", `{` + of("pongwatch-alert") + `, ` + stdout + `, "severity": "INFO", "textPayload": "MOCK MODE ACTIVE"}`, nil, nil},
		{"a tick that was published", `{"resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "pongwatch-tick"}}, "severity": "INFO", "jsonPayload": {"@type": "type.googleapis.com/google.cloud.scheduler.logging.AttemptFinished"}}`, []string{ticks}, []string{ticksPolicy}},
		{"a tick that failed", `{"resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "pongwatch-tick"}}, "severity": "ERROR", "jsonPayload": {"@type": "type.googleapis.com/google.cloud.scheduler.logging.AttemptFinished"}}`, []string{errorPolicy}, nil},
		{"the begin of a tick's attempt", `{"resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "pongwatch-tick"}}, "severity": "INFO", "jsonPayload": {"@type": "type.googleapis.com/google.cloud.scheduler.logging.AttemptStarted"}}`, nil, nil},
		{"another job's failure", `{"resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "backup"}}, "severity": "ERROR", "jsonPayload": {"@type": "type.googleapis.com/google.cloud.scheduler.logging.AttemptFinished"}}`, nil, nil},
	} {
		var entry map[string]any
		if err := json.Unmarshal([]byte(c.entry), &entry); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		var got []string
		for address, filter := range m.filters {
			matched, err := matchesFilter(filter, entry)
			if err != nil {
				t.Fatalf("%s: %v", address, err)
			}
			if matched {
				got, taken[address] = append(got, address), true
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: taken by %q, want %q", c.what, got, c.want)
		}
		if reached := m.reached(got); !slices.Equal(reached, unique(c.reached)) {
			t.Errorf("%s: reaches %q, want %q", c.what, reached, c.reached)
		}
	}
	for address := range m.filters {
		if !taken[address] {
			t.Errorf("%s takes none of the entries", address)
		}
	}
}
