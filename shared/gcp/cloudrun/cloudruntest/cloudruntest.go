// Package cloudruntest is a Cloud Run Admin API in the process, as far as reading
// services goes: an HTTP server on loopback. It also gives out the tokens that it asks
// for, as the metadata server of an instance does.
package cloudruntest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
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

// Server is the fake. Its methods may be called while it serves.
type Server struct {
	server *httptest.Server

	mu       sync.Mutex
	services map[string][]Revision
	updated  map[string]time.Time
	status   int
	asked    []string
}

// Start serves on a free port of 127.0.0.1 until Close.
func Start() *Server {
	s := &Server{services: map[string][]Revision{}, updated: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/{name...}", s.get)
	mux.HandleFunc("GET /computeMetadata/v1/", metadata)
	s.server = httptest.NewServer(mux)
	return s
}

// Addr is where the fake listens: for cloudrun.EmulatorVariable, and for the variable
// GCE_METADATA_HOST of Google's libraries.
func (s *Server) Addr() string { return s.server.Listener.Addr().String() }

// URL is the same as an address.
func (s *Server) URL() string { return s.server.URL }

// Close stops the fake.
func (s *Server) Close() { s.server.Close() }

// Deploy makes these the revisions of the service projects/P/locations/L/services/S,
// the latest one last.
func (s *Server) Deploy(service string, revisions ...Revision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services[service] = revisions
}

// Update sets when the service was last modified.
func (s *Server) Update(service string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.updated[service] = at
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
	return append([]string(nil), s.asked...)
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := r.PathValue("name")
	s.asked = append(s.asked, name)
	service, revision, _ := strings.Cut(name, "/revisions/")
	revisions, known := s.services[service]
	switch auth := r.Header.Get("Authorization"); {
	case auth != "Bearer "+Token && auth != "Bearer owner":
		fail(w, http.StatusUnauthorized)
	case s.status != 0:
		fail(w, s.status)
	case !known:
		fail(w, http.StatusNotFound)
	case revision == "":
		answer(w, document(service, revisions, s.updated[service]))
	default:
		for _, rev := range revisions {
			if rev.Name == revision {
				d := template(rev)
				d["name"], d["createTime"] = name, rev.Created.UTC().Format(time.RFC3339Nano)
				answer(w, d)
				return
			}
		}
		fail(w, http.StatusNotFound)
	}
}

// document is a Service
// (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services#Service).
func document(service string, revisions []Revision, updated time.Time) map[string]any {
	created := service + "/revisions/" + revisions[len(revisions)-1].Name
	if len(revisions) > 1 && revisions[len(revisions)-1].Failed {
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
	return map[string]any{
		"name": service, "template": template(latest), "trafficStatuses": traffic,
		"latestReadyRevision": service + "/revisions/" + latest.Name, "latestCreatedRevision": created,
		"updateTime": updated.UTC().Format(time.RFC3339Nano),
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

func answer(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document)
}

func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": status, "message": "no"}})
}

// metadata answers as the metadata server does
// (https://cloud.google.com/run/docs/container-contract#metadata-server).
func metadata(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Metadata-Flavor", "Google")
	switch {
	case r.Header.Get("Metadata-Flavor") != "Google":
		w.WriteHeader(http.StatusForbidden)
	case strings.HasSuffix(r.URL.Path, "/service-accounts/default/token"):
		answer(w, map[string]any{"access_token": Token, "expires_in": 3599, "token_type": "Bearer"})
	default:
		_, _ = w.Write([]byte("my-project"))
	}
}
