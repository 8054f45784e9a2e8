// Package cloudruntest is Cloud Run's Admin API and Cloud Monitoring's in the process, as far as reading
// services and their requests goes: an HTTP server on loopback. It also gives out the tokens that it asks
// for, as the metadata server of an instance does.
package cloudruntest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Token is the one that the server gives out and takes, besides the emulators' "owner".
const Token = "ya29.a-token-of-the-instance"

// Variable is one variable of a container. Secret, where set, is the secret that it
// comes from, in place of Value.
type Variable struct{ Name, Value, Secret string }

// Revision is one revision of a service.
type Revision struct {
	// Name is the last part: "backend-00042-abc".
	Name      string
	Variables []Variable
	// Mounted is a secret that is mounted as a file.
	Mounted string
	// Percent of the requests goes to it.
	Percent int
	// Created is when it was made.
	Created time.Time
	// Failed says that it never became ready. Only the latest one may be such.
	Failed bool
}

// Minute is what a service answered in the minute that ends at At.
type Minute struct {
	At time.Time
	// Answers counts the requests by class: "2xx", "5xx".
	Answers map[string]int64
	// Latency of each of them in milliseconds.
	Latency float64
}

// Server is the fake. Its methods may be called while it serves. Services are named
// projects/P/locations/L/services/S.
type Server struct {
	server *httptest.Server

	mu        sync.Mutex
	revisions map[string][]Revision
	updated   map[string]time.Time
	minutes   map[string][]Minute
	status    int
	asked     []string
}

// Start serves on a free port of 127.0.0.1 until Close.
func Start() *Server {
	s := &Server{revisions: map[string][]Revision{}, updated: map[string]time.Time{}, minutes: map[string][]Minute{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/{name...}", s.api(s.resource))
	mux.HandleFunc("GET /v3/projects/{project}/timeSeries", s.api(s.series))
	mux.HandleFunc("GET /computeMetadata/v1/", metadata)
	s.server = httptest.NewServer(mux)
	return s
}

// Addr is where the fake listens: for both of cloudrun's emulator variables, and for the variable
// GCE_METADATA_HOST of Google's libraries.
func (s *Server) Addr() string { return s.server.Listener.Addr().String() }

// URL is the same as an address.
func (s *Server) URL() string { return s.server.URL }

// Close stops the fake.
func (s *Server) Close() { s.server.Close() }

// Deploy makes these the revisions of a service, the latest one last.
func (s *Server) Deploy(service string, revisions ...Revision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revisions[service] = revisions
}

// Update sets when the service was last modified.
func (s *Server) Update(service string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.updated[service] = at
}

// Add adds minutes of a service.
func (s *Server) Add(service string, minutes ...Minute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.minutes[service] = append(s.minutes[service], minutes...)
}

// Fail makes every answer that status; zero ends it.
func (s *Server) Fail(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// Asked returns the names that were asked for.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// api answers by what find returns, to those who have a token.
func (s *Server) api(find func(*http.Request) (status int, document map[string]any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, strings.TrimPrefix(r.URL.Path, "/v2/"))
		status, document := s.status, map[string]any(nil)
		if auth := r.Header.Get("Authorization"); auth != "Bearer "+Token && auth != "Bearer owner" {
			status = http.StatusUnauthorized
		} else if status == 0 {
			status, document = find(r)
		}
		if status != http.StatusOK {
			document = map[string]any{"error": map[string]any{"code": status, "message": "no"}}
		}
		answer(w, status, document)
	}
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}

// resource finds a Service or a Revision
// (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services#Service).
func (s *Server) resource(r *http.Request) (int, map[string]any) {
	name := r.PathValue("name")
	service, wanted, _ := strings.Cut(name, "/revisions/")
	revisions := s.revisions[service]
	if wanted != "" {
		at := slices.IndexFunc(revisions, func(r Revision) bool { return r.Name == wanted })
		if at < 0 {
			return http.StatusNotFound, nil
		}
		d := template(revisions[at])
		d["name"], d["createTime"] = name, revisions[at].Created.UTC().Format(time.RFC3339Nano)
		return http.StatusOK, d
	}
	if len(revisions) == 0 {
		return http.StatusNotFound, nil
	}
	created := revisions[len(revisions)-1]
	if len(revisions) > 1 && created.Failed {
		revisions = revisions[:len(revisions)-1]
	}
	latest := revisions[len(revisions)-1]
	var traffic []map[string]any
	for _, r := range revisions {
		if r.Percent == 0 {
			continue
		}
		t := map[string]any{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": r.Percent}
		if r.Name != latest.Name {
			t["type"], t["revision"] = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", r.Name
		}
		traffic = append(traffic, t)
	}
	return http.StatusOK, map[string]any{
		"name": service, "template": template(latest), "trafficStatuses": traffic,
		"latestReadyRevision": service + "/revisions/" + latest.Name, "latestCreatedRevision": service + "/revisions/" + created.Name,
		"updateTime": s.updated[service].UTC().Format(time.RFC3339Nano),
	}
}

func template(r Revision) map[string]any {
	var env []map[string]any
	for _, v := range r.Variables {
		e := map[string]any{"name": v.Name}
		if v.Secret != "" {
			e["valueSource"] = map[string]any{"secretKeyRef": map[string]any{"secret": v.Secret, "version": "latest"}}
		} else {
			e["value"] = v.Value
		}
		env = append(env, e)
	}
	t := map[string]any{"containers": []any{map[string]any{"image": "app", "env": env}}}
	if r.Mounted != "" {
		t["volumes"] = []any{map[string]any{"name": "env", "secret": map[string]any{"secret": r.Mounted}}}
	}
	return t
}

var filter = regexp.MustCompile(`^metric\.type="run\.googleapis\.com/(request_count|request_latencies)" AND resource\.type="cloud_run_revision" AND resource\.labels\.service_name="([^"]+)" AND resource\.labels\.location="([^"]+)"$`)

// series aligns and reduces what it was given by the minute
// (https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list).
func (s *Server) series(r *http.Request) (int, map[string]any) {
	get := r.URL.Query().Get
	match := filter.FindStringSubmatch(get("filter"))
	from, err := time.Parse(time.RFC3339, get("interval.startTime"))
	to, errTo := time.Parse(time.RFC3339, get("interval.endTime"))
	period, errPeriod := time.ParseDuration(get("aggregation.alignmentPeriod"))
	if match == nil || err != nil || errTo != nil || errPeriod != nil || period < time.Minute || period != to.Sub(from) || get("aggregation.perSeriesAligner") != "ALIGN_DELTA" {
		return http.StatusBadRequest, nil
	}
	counts, latencies := map[string]int64{}, []float64{}
	for _, m := range s.minutes[fmt.Sprintf("projects/%s/locations/%s/services/%s", r.PathValue("project"), match[3], match[2])] {
		if !m.At.After(from) || m.At.After(to) {
			continue
		}
		for class, n := range m.Answers {
			counts[class] += n
			latencies = append(latencies, slices.Repeat([]float64{m.Latency}, int(n))...)
		}
	}
	var series []any
	add := func(labels, value map[string]any, kind, of string) {
		series = append(series, map[string]any{
			"metric":     map[string]any{"type": "run.googleapis.com/" + match[1], "labels": labels},
			"resource":   map[string]any{"type": "cloud_run_revision", "labels": map[string]any{"project_id": r.PathValue("project")}},
			"metricKind": kind, "valueType": of,
			"points": []any{map[string]any{
				"interval": map[string]any{"startTime": from.Format(time.RFC3339), "endTime": to.Format(time.RFC3339)}, "value": value,
			}},
		})
	}
	switch reducer := get("aggregation.crossSeriesReducer"); {
	case match[1] == "request_count" && reducer == "REDUCE_SUM" && get("aggregation.groupByFields") == "metric.labels.response_code_class":
		for class, n := range counts {
			add(map[string]any{"response_code_class": class}, map[string]any{"int64Value": strconv.FormatInt(n, 10)}, "DELTA", "INT64")
		}
	case match[1] == "request_latencies" && reducer == "REDUCE_PERCENTILE_95":
		if len(latencies) > 0 {
			slices.Sort(latencies)
			add(nil, map[string]any{"doubleValue": latencies[int(math.Ceil(0.95*float64(len(latencies))))-1]}, "GAUGE", "DOUBLE")
		}
	default:
		return http.StatusBadRequest, nil
	}
	answer := map[string]any{"unit": "1"}
	if len(series) > 0 { // an empty list is left out
		answer["timeSeries"] = series
	}
	return http.StatusOK, answer
}

// metadata answers as the metadata server does
// (https://cloud.google.com/run/docs/container-contract#metadata-server).
func metadata(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Metadata-Flavor", "Google")
	switch {
	case r.Header.Get("Metadata-Flavor") != "Google":
		w.WriteHeader(http.StatusForbidden)
	case strings.HasSuffix(r.URL.Path, "/service-accounts/default/token"):
		answer(w, http.StatusOK, map[string]any{"access_token": Token, "expires_in": 3599, "token_type": "Bearer"})
	default:
		_, _ = w.Write([]byte("my-project"))
	}
}
