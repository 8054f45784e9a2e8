package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

const (
	// defaultURL is where `pongwatch local` serves unless told otherwise.
	defaultURL     = "http://127.0.0.1:8080"
	statisticsPath = "/api/v1/admin/redis-metrics"
	maxStatistics  = 64 << 20
)

// reader reads the statistics of a running `local`, or of the Metrics function.
type reader struct {
	url      string
	tokenEnv string

	client *http.Client
	token  secrets.Value
}

// statistics is what the command line reads of the answer.
type statistics struct {
	// Incidents is nil where the answer has none: then it is no answer of pongwatch's.
	Incidents *incidents.View
	// Raw is the same section as it was sent.
	Raw       json.RawMessage
	Databases []struct {
		Name string `json:"name"`
	}
}

func (r *reader) register(flags *flag.FlagSet, usage string) {
	flags.StringVar(&r.url, "url", "", usage)
	flags.StringVar(&r.tokenEnv, "token-env", "", "send the token that this environment `variable` holds, where access asks for one")
}

// open checks the flags. Where no --url was given it is `pongwatch local`'s.
func (r *reader) open() error {
	if r.url == "" {
		r.url = defaultURL
	}
	r.url = strings.TrimRight(r.url, "/")
	u, err := url.Parse(r.url)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--url: want an address such as %s or https://metrics-abc123-uc.a.run.app", defaultURL)
	}
	if u.Scheme == "http" && !outbound.IsLoopback(u.Hostname()) {
		return fmt.Errorf("--url %s: want https://, or http:// to this machine only", r.url)
	}
	if r.tokenEnv != "" {
		r.token = secrets.New(strings.TrimSpace(os.Getenv(r.tokenEnv)))
		if r.token.IsZero() {
			return fmt.Errorf("--token-env %s: the variable is empty", r.tokenEnv)
		}
	}
	r.client = outbound.NewClient(outbound.Options{Hosts: []string{u.Hostname()}, AllowLoopback: true})
	return nil
}

// loopback reports whether the address is this machine's.
func (r *reader) loopback() bool {
	u, err := url.Parse(r.url)
	return err == nil && outbound.IsLoopback(u.Hostname())
}

// errDenied says that reading needs a token, or another one.
var errDenied = errors.New("reading is denied")

// do makes one request and returns the body of a 2xx answer.
func (r *reader) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader(string(body)))
	if err != nil {
		return nil, outbound.Error(err, r.token)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !r.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+r.token.Reveal())
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, outbound.Error(err, r.token)
	}
	defer resp.Body.Close()
	data, err := outbound.ReadAll(resp.Body, maxStatistics)
	switch {
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%s answers %d: %w%s", r.url, resp.StatusCode, errDenied, r.tokenHint())
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("%s answers %d%s", r.url, resp.StatusCode, reason(data))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", r.url, outbound.Error(err, r.token))
	}
	return data, nil
}

func (r *reader) tokenHint() string {
	if r.tokenEnv != "" {
		return "; the token in " + r.tokenEnv + " is not accepted"
	}
	return `; name a variable that holds a token with --token-env; behind IAM:
  TOKEN=$(gcloud auth print-identity-token) pongwatch incidents --url URL --token-env TOKEN`
}

// reason returns what pongwatch's own answers say, to follow the status code.
func reason(body []byte) string {
	var failure struct{ Error string }
	if json.Unmarshal(body, &failure) != nil || failure.Error == "" {
		return ""
	}
	return ": " + text.Line(report.CutEvidence(failure.Error))
}

// statistics asks for the statistics.
func (r *reader) statistics(ctx context.Context) (statistics, error) {
	var s statistics
	data, err := r.do(ctx, http.MethodGet, statisticsPath, nil)
	if err != nil {
		return s, err
	}
	var answer struct {
		Incidents json.RawMessage `json:"incidents"`
		Databases json.RawMessage `json:"databases"`
	}
	if json.Unmarshal(data, &answer) == nil && json.Unmarshal(answer.Incidents, &s.Incidents) == nil && s.Incidents != nil {
		s.Raw = answer.Incidents
		// Only a hint hangs on the databases' names.
		_ = json.Unmarshal(answer.Databases, &s.Databases)
		return s, nil
	}
	return s, fmt.Errorf("%s%s: what answers there is not pongwatch, or another version of it", r.url, statisticsPath)
}
