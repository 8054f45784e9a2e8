package deploytest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A logFilter decides about log entries as Cloud Logging does. It knows the part of the query language
// (https://cloud.google.com/logging/docs/view/logging-query-language) that terraform/ uses: AND, OR, NOT, parentheses,
// and the comparisons =, =~, :, <, > and >= of one field with one value. Anything else is an error.
type logFilter struct {
	tokens []string
	err    error
}

var filterToken = regexp.MustCompile(`\s*("(?:[^"\\]|\\.)*"|=~|>=|[()=:<>]|[^\s()=:<>"]+)`)

func matchesFilter(text string, entry map[string]any) (bool, error) {
	var f logFilter
	for rest := text; strings.TrimSpace(rest) != ""; {
		at := filterToken.FindStringSubmatchIndex(rest)
		if at == nil || at[0] != 0 {
			return false, fmt.Errorf("reading filter %q: no token at %q", text, rest)
		}
		f.tokens = append(f.tokens, rest[at[2]:at[3]])
		rest = rest[at[1]:]
	}
	matched := f.alternatives(entry)
	if f.err == nil && len(f.tokens) > 0 {
		f.err = fmt.Errorf("left over: %q", f.tokens)
	}
	return matched, f.err
}

func (f *logFilter) next() string {
	if len(f.tokens) == 0 {
		f.err = fmt.Errorf("the filter ends early")
		return ""
	}
	token := f.tokens[0]
	f.tokens = f.tokens[1:]
	return token
}

func (f *logFilter) takes(word string) bool {
	if len(f.tokens) > 0 && f.tokens[0] == word {
		f.tokens = f.tokens[1:]
		return true
	}
	return false
}

// alternatives reads terms joined by AND or by OR. OR binds tighter in Cloud Logging's language, against what readers
// expect, so mixing both without parentheses is refused.
func (f *logFilter) alternatives(entry map[string]any) bool {
	matched, joined := f.term(entry), ""
	for f.err == nil && len(f.tokens) > 0 && f.tokens[0] != ")" {
		word := f.next()
		if word != "AND" && word != "OR" || joined != "" && joined != word {
			f.err = fmt.Errorf("%q after %q: put parentheses around the parts", word, joined)
			return false
		}
		joined = word
		term := f.term(entry)
		if word == "AND" {
			matched = matched && term
		} else {
			matched = matched || term
		}
	}
	return matched
}

func (f *logFilter) term(entry map[string]any) bool {
	if f.takes("NOT") {
		return !f.term(entry)
	}
	if f.takes("(") {
		matched := f.alternatives(entry)
		if !f.takes(")") && f.err == nil {
			f.err = fmt.Errorf("a parenthesis is not closed")
		}
		return matched
	}
	return f.comparison(entry)
}

// severities are Cloud Logging's, in their order.
var severities = []string{"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}

func (f *logFilter) comparison(entry map[string]any) bool {
	field, operator, value := f.next(), f.next(), f.next()
	// A field's last name may be in quotes, as in jsonPayload."@type".
	if strings.HasSuffix(field, ".") {
		field, operator, value = field+operator, value, f.next()
	}
	if unquoted, err := unquote(value); err == nil {
		value = unquoted
	}
	got, present := fieldOf(entry, field)
	if !present {
		return false
	}
	switch operator {
	case "=":
		return fmt.Sprint(got) == value
	case ":":
		return strings.Contains(strings.ToLower(fmt.Sprint(got)), strings.ToLower(value))
	case "=~":
		matched, err := regexp.MatchString(value, fmt.Sprint(got))
		f.err = err
		return matched
	case "<", ">", ">=":
		a, b := slices.Index(severities, fmt.Sprint(got)), slices.Index(severities, value)
		if number, ok := got.(float64); ok {
			a = int(number * 1000)
			_, f.err = fmt.Sscan(value, &b)
			b *= 1000
		} else if a < 0 || b < 0 {
			f.err = fmt.Errorf("%s %s %s compares what has no order", field, operator, value)
		}
		return operator == "<" && a < b || operator == ">" && a > b || operator == ">=" && a >= b
	}
	f.err = fmt.Errorf("%s %s %s: unknown operator", field, operator, value)
	return false
}

func unquote(text string) (string, error) {
	var value string
	err := json.Unmarshal([]byte(text), &value)
	return value, err
}

func fieldOf(entry map[string]any, path string) (any, bool) {
	var at any = entry
	for name := range strings.SplitSeq(path, ".") {
		if unquoted, err := unquote(name); err == nil {
			name = unquoted
		}
		fields, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = fields[name]; !ok {
			return nil, false
		}
	}
	return at, true
}

// logFilters renders the Terraform and returns every filter on log entries by its resource's address.
func logFilters(t *testing.T) map[string]string {
	t.Helper()
	root := workspace(t, "terraform")
	if err := os.WriteFile(filepath.Join(root, "tests", "rendered.tftest.hcl"), []byte(rendering(minimal())), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := terraform(t, root, "test", "-json", "-verbose", "-filter=tests/rendered.tftest.hcl")
	if err != nil {
		t.Fatalf("%v\n%s", err, diagnostics(out))
	}
	filters := map[string]string{}
	for line := range strings.Lines(out) {
		var event struct {
			TestState struct {
				RootModule struct {
					Resources []struct {
						Address, Type string
						Values        struct {
							Filter     string `json:"filter"`
							Conditions []struct {
								Log []struct {
									Filter string `json:"filter"`
								} `json:"condition_matched_log"`
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
				filters[r.Address] = r.Values.Filter
			}
			for _, condition := range r.Values.Conditions {
				for _, log := range condition.Log {
					filters[r.Address] = log.Filter
				}
			}
		}
	}
	return filters
}

func TestEachLogFilterTakesItsOwnEntriesAndNoOthers(t *testing.T) {
	t.Parallel()
	const (
		runs, probes, latency = "google_logging_metric.runs", "google_logging_metric.probes", "google_logging_metric.latency"
		undelivered, ticks    = "google_logging_metric.undelivered", "google_logging_metric.ticks"
		errorPolicy, sink     = `google_monitoring_alert_policy.self["errors"]`, "google_logging_project_sink.mock_mode[0]"
	)
	of := func(service string) string {
		return `"resource": {"type": "cloud_run_revision", "labels": {"service_name": "` + service + `"}}`
	}
	const stdout, requests = `"logName": "projects/my-project/logs/run.googleapis.com%2Fstdout"`, `"logName": "projects/my-project/logs/run.googleapis.com%2Frequests"`
	filters := logFilters(t)
	taken := map[string]bool{}
	for _, c := range []struct {
		what, entry string
		want        []string
	}{
		{"a good ping counts as a run and has a latency", `{` + of("pongwatch-healthcheck") + `, ` + stdout + `, "severity": "INFO", "jsonPayload": {"event": "probe", "latency_ms": 41.5}}`, []string{latency, probes, runs}},
		{"a failed ping has no latency and is no error of pongwatch", `{` + of("pongwatch-healthcheck") + `, ` + stdout + `, "severity": "WARNING", "jsonPayload": {"event": "probe", "latency_ms": 0}}`, []string{probes, runs}},
		{"a 503 of an unhealthy database is answered by design", `{` + of("pongwatch-healthcheck") + `, ` + requests + `, "severity": "ERROR", "httpRequest": {"status": 503, "userAgent": "curl"}}`, nil},
		{"a 503 of Alert has a policy on the count of requests", `{` + of("pongwatch-alert") + `, ` + requests + `, "severity": "ERROR", "httpRequest": {"status": 503}}`, nil},
		{"an error that Alert logs", `{` + of("pongwatch-alert") + `, ` + stdout + `, "severity": "ERROR", "jsonPayload": {"message": "the store does not answer"}}`, []string{errorPolicy}},
		{"an undelivered critical has a policy of its own", `{` + of("pongwatch-alert") + `, ` + stdout + `, "severity": "ERROR", "jsonPayload": {"event": "undelivered"}}`, []string{undelivered}},
		{"a crash before the first request", `{` + of("pongwatch-metrics") + `, "logName": "projects/my-project/logs/run.googleapis.com%2Fvarlog%2Fsystem", "severity": "ERROR", "textPayload": "Container called exit(2)."}`, []string{errorPolicy}},
		{"an audit entry of a deployment", `{` + of("pongwatch-alert") + `, "logName": "projects/my-project/logs/cloudaudit.googleapis.com%2Factivity", "severity": "NOTICE", "protoPayload": {"methodName": "ReplaceService"}}`, nil},
		{"another service's error", `{` + of("backend") + `, ` + stdout + `, "severity": "ERROR", "textPayload": "boom"}`, nil},
		{"a service whose name only begins like pongwatch's", `{` + of("pongwatch-alerts-of-others") + `, ` + stdout + `, "severity": "ERROR", "textPayload": "boom"}`, nil},
		{"an app's mock mode", `{` + of("backend") + `, ` + stdout + `, "severity": "WARNING", "jsonPayload": {"event": "redis_mock_mode_activated"}}`, []string{sink}},
		{"the end of an app's mock mode", `{` + of("backend") + `, ` + stdout + `, "severity": "INFO", "jsonPayload": {"event": "redis_mock_mode_deactivated"}}`, []string{sink}},
		{"an app that only prints it", `{` + of("backend") + `, ` + stdout + `, "severity": "DEFAULT", "textPayload": "MOCK MODE ACTIVE: UPSTASH_REDIS_URL is missing"}`, []string{sink}},
		{"a stranger's User-Agent in an access log", `{` + of("backend") + `, ` + requests + `, "severity": "INFO", "httpRequest": {"status": 200, "userAgent": "MOCK MODE ACTIVE"}}`, nil},
		{"pongwatch's own words about mock mode", `{` + of("pongwatch-alert") + `, ` + stdout + `, "severity": "INFO", "textPayload": "MOCK MODE ACTIVE"}`, nil},
		{"a tick that was published", `{"resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "pongwatch-tick"}}, "severity": "INFO", "jsonPayload": {"@type": "type.googleapis.com/google.cloud.scheduler.logging.AttemptFinished"}}`, []string{ticks}},
		{"a tick that failed", `{"resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "pongwatch-tick"}}, "severity": "ERROR", "jsonPayload": {"@type": "type.googleapis.com/google.cloud.scheduler.logging.AttemptFinished"}}`, []string{errorPolicy}},
		{"the begin of a tick's attempt", `{"resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "pongwatch-tick"}}, "severity": "INFO", "jsonPayload": {"@type": "type.googleapis.com/google.cloud.scheduler.logging.AttemptStarted"}}`, nil},
		{"another job's failure", `{"resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "backup"}}, "severity": "ERROR", "jsonPayload": {"@type": "type.googleapis.com/google.cloud.scheduler.logging.AttemptFinished"}}`, nil},
	} {
		var entry map[string]any
		if err := json.Unmarshal([]byte(c.entry), &entry); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		var got []string
		for address, filter := range filters {
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
	}
	for address := range filters {
		if !taken[address] {
			t.Errorf("%s takes none of the entries", address)
		}
	}
}
