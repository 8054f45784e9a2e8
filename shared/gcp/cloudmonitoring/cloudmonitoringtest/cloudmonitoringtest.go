// Package cloudmonitoringtest is a Cloud Monitoring API in the process, as far as reading Cloud
// Run's requests goes: an HTTP server on loopback. It aligns and reduces what it was given by the minute, as
// https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list says.
package cloudmonitoringtest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Minute is what a service answered in the minute that ends at At.
type Minute struct {
	At time.Time
	// Answers counts the requests by class: "2xx", "5xx".
	Answers map[string]int64
	// Latency of each of them in milliseconds.
	Latency float64
}

// Server is the fake. Its methods may be called while it serves.
type Server struct {
	server *httptest.Server

	mu       sync.Mutex
	services map[string][]Minute
	status   int
	asked    int
}

// Start serves on a free port of 127.0.0.1 until Close.
func Start() *Server {
	s := &Server{services: map[string][]Minute{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v3/projects/{project}/timeSeries", s.list)
	s.server = httptest.NewServer(mux)
	return s
}

// Addr is where the fake listens, for cloudmonitoring.EmulatorVariable.
func (s *Server) Addr() string { return s.server.Listener.Addr().String() }

// Close stops the fake.
func (s *Server) Close() { s.server.Close() }

// Add adds a minute of the service projects/P/locations/L/services/S.
func (s *Server) Add(service string, minutes ...Minute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services[service] = append(s.services[service], minutes...)
}

// Fail makes every answer that status; zero ends it.
func (s *Server) Fail(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// Asked returns how many requests were made.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

var filter = regexp.MustCompile(`^metric\.type="run\.googleapis\.com/(request_count|request_latencies)" AND resource\.type="cloud_run_revision" AND resource\.labels\.service_name="([^"]+)" AND resource\.labels\.location="([^"]+)"$`)

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	q := r.URL.Query()
	get := func(name string) string { return q.Get(name) }
	match := filter.FindStringSubmatch(get("filter"))
	from, err := time.Parse(time.RFC3339, get("interval.startTime"))
	to, errTo := time.Parse(time.RFC3339, get("interval.endTime"))
	period, errPeriod := time.ParseDuration(get("aggregation.alignmentPeriod"))
	switch {
	case r.Header.Get("Authorization") != "Bearer owner":
		fail(w, http.StatusUnauthorized)
		return
	case s.status != 0:
		fail(w, s.status)
		return
	case match == nil, err != nil, errTo != nil, errPeriod != nil, period < time.Minute, period != to.Sub(from), get("aggregation.perSeriesAligner") != "ALIGN_DELTA":
		fail(w, http.StatusBadRequest)
		return
	}
	service := fmt.Sprintf("projects/%s/locations/%s/services/%s", r.PathValue("project"), match[3], match[2])
	counts, latencies := map[string]int64{}, []float64{}
	for _, m := range s.services[service] {
		if !m.At.After(from) || m.At.After(to) {
			continue
		}
		for class, n := range m.Answers {
			counts[class] += n
			latencies = append(latencies, slices.Repeat([]float64{m.Latency}, int(n))...)
		}
	}
	interval := map[string]any{"startTime": from.Format(time.RFC3339), "endTime": to.Format(time.RFC3339)}
	series := []any{}
	switch reducer := get("aggregation.crossSeriesReducer"); {
	case match[1] == "request_count" && reducer == "REDUCE_SUM" && get("aggregation.groupByFields") == "metric.labels.response_code_class":
		for class, n := range counts {
			series = append(series, map[string]any{
				"metric":   map[string]any{"type": "run.googleapis.com/request_count", "labels": map[string]any{"response_code_class": class}},
				"resource": resource(r), "metricKind": "DELTA", "valueType": "INT64",
				"points": []any{map[string]any{"interval": interval, "value": map[string]any{"int64Value": strconv.FormatInt(n, 10)}}},
			})
		}
	case match[1] == "request_latencies" && reducer == "REDUCE_PERCENTILE_95":
		if len(latencies) > 0 {
			slices.Sort(latencies)
			p95 := latencies[int(math.Ceil(0.95*float64(len(latencies))))-1]
			series = append(series, map[string]any{
				"metric": map[string]any{"type": "run.googleapis.com/request_latencies"}, "resource": resource(r), "metricKind": "GAUGE", "valueType": "DOUBLE",
				"points": []any{map[string]any{"interval": interval, "value": map[string]any{"doubleValue": p95}}},
			})
		}
	default:
		fail(w, http.StatusBadRequest)
		return
	}
	answer := map[string]any{"unit": "1"}
	if len(series) > 0 { // an empty list is left out
		answer["timeSeries"] = series
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func resource(r *http.Request) map[string]any {
	return map[string]any{"type": "cloud_run_revision", "labels": map[string]any{"project_id": r.PathValue("project")}}
}

func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": status, "message": "no"}})
}
