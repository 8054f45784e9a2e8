package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/local"
	figures "github.com/pongwatch/pongwatch/functions/metrics/statistics"
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
	// pollEvery is the pause between two looks for the effect of a command.
	pollEvery = 200 * time.Millisecond
)

// reader reads the statistics of a running `pongwatch local`, or of the Metrics function.
type reader struct {
	url      string
	tokenEnv string

	client *http.Client
	token  secrets.Value
	// loopback says that the address is this machine's.
	loopback bool
}

func (r *reader) register(c *cobra.Command, usage string) {
	c.Flags().StringVar(&r.url, "url", "", usage)
	c.Flags().StringVar(&r.tokenEnv, "token-env", "", "send the token that this environment `variable` holds, where access requires one")
}

// open checks the address that the flag gave, by default `pongwatch local`'s, and the token.
func (r *reader) open(flag string) error {
	if r.url == "" {
		r.url = defaultURL
	}
	r.url = strings.TrimRight(r.url, "/")
	u, err := url.Parse(r.url)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s: want an address such as %s or https://metrics-abc123-uc.a.run.app", flag, defaultURL)
	}
	r.loopback = outbound.IsLoopback(u.Hostname())
	if u.Scheme == "http" && !r.loopback {
		return fmt.Errorf("%s %s: want https://, or http:// to this machine only", flag, r.url)
	}
	r.token, err = fromVariable("--token-env", r.tokenEnv)
	r.client = outbound.NewClient(outbound.Options{Hosts: []string{u.Hostname()}, AllowLoopback: true})
	return err
}

// fromVariable returns the secret in an environment variable that a flag names.
func fromVariable(flag, variable string) (secrets.Value, error) {
	if variable == "" {
		return secrets.Value{}, nil
	}
	v := secrets.New(strings.TrimSpace(os.Getenv(variable)))
	if v.IsZero() {
		return v, fmt.Errorf("%s %s: the variable is empty", flag, variable)
	}
	return v, nil
}

// answer is a response of any status.
type answer struct {
	status int
	media  string
	body   []byte
}

// send makes one request, with JSON where there is a body.
func (r *reader) send(ctx context.Context, method, path string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, outbound.Error(err, r.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !r.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+r.token.Reveal())
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, outbound.Error(err, r.token)
	}
	defer resp.Body.Close()
	data, err := outbound.ReadAll(resp.Body, maxStatistics)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", r.url, outbound.Error(err, r.token))
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return answer{resp.StatusCode, media, data}, nil
}

// errDenied says that reading needs a token, or another one.
var errDenied = errors.New("reading is denied")

// denied is errDenied with what helps, if the answer says so.
func (r *reader) denied(a answer) error {
	if a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
		return nil
	}
	hint := `name a variable that holds a token with --token-env; behind IAM:
  TOKEN=$(gcloud auth print-identity-token) pongwatch incidents --url URL --token-env TOKEN`
	if r.tokenEnv != "" {
		hint = "the token in " + r.tokenEnv + " is not accepted"
	}
	return fmt.Errorf("%s answers %d: %w; %s", r.url, a.status, errDenied, hint)
}

// do makes one request and returns the body of a 2xx answer.
func (r *reader) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	a, err := r.send(ctx, method, path, body)
	if err == nil {
		err = r.denied(a)
	}
	switch {
	case err != nil:
		return nil, err
	case a.status == http.StatusUnprocessableEntity: // a name that is not configured
		return nil, refuse("%s", strings.TrimPrefix(reason(a.body), ": "))
	case a.status/100 != 2:
		return nil, fmt.Errorf("%s answers %d%s", r.url, a.status, reason(a.body))
	}
	return a.body, nil
}

// reason returns what pongwatch's own answers say, to follow the status code.
func reason(body []byte) string {
	var failure struct{ Error string }
	if json.Unmarshal(body, &failure) != nil || failure.Error == "" {
		return ""
	}
	return ": " + report.CutEvidence(failure.Error)
}

// maxShown bounds each text of an answer in bytes.
const maxShown = 4 << 10

// decoded reads an answer, whose texts are then fit for a terminal.
func decoded[T any](data []byte, into *T) bool {
	err := json.Unmarshal(data, into)
	text.Outside(into, maxShown)
	return err == nil
}

// statistics reads the statistics. Without parameters they are of the last hour.
func (r *reader) statistics(ctx context.Context, parameters url.Values) (figures.Statistics, error) {
	var s figures.Statistics
	data, err := r.do(ctx, http.MethodGet, statisticsPath+"?"+parameters.Encode(), nil)
	if err != nil {
		return s, err
	}
	if !decoded(data, &s) || s.Incidents.At.IsZero() {
		return s, fmt.Errorf("%s%s: what answers there is not pongwatch, or another version of it", r.url, statisticsPath)
	}
	return s, nil
}

// post sends the command to the local process, and returns it as stored there.
func (r *reader) post(ctx context.Context, c report.Command) (report.Command, error) {
	body, err := json.Marshal(local.CommandRequest{Command: c, For: local.Span(c.For)})
	if err != nil {
		return c, err
	}
	data, err := r.do(ctx, http.MethodPost, local.CommandsPath, body)
	if err != nil {
		return c, err
	}
	var stored local.CommandRequest
	if !decoded(data, &stored) {
		return c, fmt.Errorf("%s: what answers there is not pongwatch, or another version of it", r.url)
	}
	c = stored.Command
	c.For = time.Duration(stored.For)
	return c, nil
}

// poll reads the statistics until done returns true, or for that long. What cannot be
// read now may be readable the next time.
func (r *reader) poll(ctx context.Context, wait time.Duration, done func(incidents.View) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		if s, err := r.statistics(ctx, nil); err == nil && done(s.Incidents) {
			return true
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
}
