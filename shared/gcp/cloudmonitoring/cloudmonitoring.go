// Package cloudmonitoring reads how many requests a Cloud Run service answered, how many of
// them with an error, and how long they took.
//
// It speaks Cloud Monitoring's API v3 over REST
// (https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list), and reads two of Cloud Run's
// metrics (https://cloud.google.com/monitoring/api/metrics_gcp#gcp-run).
package cloudmonitoring

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/gcp/internal/rest"
	"github.com/pongwatch/pongwatch/shared/report"
)

// EmulatorVariable is the environment variable that points at a server on loopback
// which speaks the API over plain HTTP, such as "127.0.0.1:8088".
const EmulatorVariable = "PONGWATCH_CLOUDMONITORING_EMULATOR_HOST"

// Shortest is the shortest span that the API aligns. Cloud Run writes a point a minute.
const Shortest = time.Minute

// Why there is no answer; test with [errors.Is].
var (
	ErrDenied      = rest.ErrDenied
	ErrNotFound    = rest.ErrNotFound
	ErrUnavailable = rest.ErrUnavailable
	// ErrNoData says that the span has no requests, or that the API does not have them yet.
	ErrNoData = errors.New("no data")
)

// Client reads metrics. It is safe for concurrent use.
type Client struct{ rest *rest.Client }

// New returns a client with the process's Google credentials or, if emulatorHost is not
// empty, for the emulator there. It looks for credentials and connects to nothing.
func New(emulatorHost string) (*Client, error) {
	c, err := rest.New("monitoring.googleapis.com", EmulatorVariable, emulatorHost,
		"grant roles/monitoring.viewer on the app's project to this function's service account")
	if err != nil {
		return nil, err
	}
	return &Client{c}, nil
}

// series is one time series of an answer, as far as it is read.
type series struct {
	Metric struct {
		Labels struct {
			Class string `json:"response_code_class"`
		} `json:"labels"`
	} `json:"metric"`
	Points []struct {
		Value struct {
			Int64  int64    `json:"int64Value,string"`
			Double *float64 `json:"doubleValue"`
		} `json:"value"`
	} `json:"points"`
}

// Traffic reads the requests of the service projects/P/locations/L/services/S in a span of at
// least [Shortest]. A span without requests is [ErrNoData], never zero.
func (c *Client) Traffic(ctx context.Context, service string, from, to time.Time) (report.Traffic, error) {
	ctx, cancel := context.WithTimeout(ctx, rest.Timeout)
	defer cancel()
	var t report.Traffic
	counts, err := c.list(ctx, service, "request_count", from, to, url.Values{
		"aggregation.perSeriesAligner":   {"ALIGN_DELTA"},
		"aggregation.crossSeriesReducer": {"REDUCE_SUM"},
		"aggregation.groupByFields":      {"metric.labels.response_code_class"},
	})
	if err != nil {
		return t, fmt.Errorf("reading the requests: %w", err)
	}
	for _, s := range counts {
		for _, p := range s.Points {
			t.Requests += p.Value.Int64
			if s.Metric.Labels.Class == "5xx" {
				t.Errors += p.Value.Int64
			}
		}
	}
	if t.Requests <= 0 {
		return report.Traffic{}, fmt.Errorf("reading the requests: %w", ErrNoData)
	}
	latencies, err := c.list(ctx, service, "request_latencies", from, to, url.Values{
		"aggregation.perSeriesAligner":   {"ALIGN_DELTA"},
		"aggregation.crossSeriesReducer": {"REDUCE_PERCENTILE_95"},
	})
	if err != nil {
		return report.Traffic{}, fmt.Errorf("reading the latencies: %w", err)
	}
	if len(latencies) == 1 && len(latencies[0].Points) > 0 && latencies[0].Points[0].Value.Double != nil {
		t.P95 = *latencies[0].Points[0].Value.Double
	}
	return t, nil
}

// list reads one metric of a service, aligned to the whole span.
func (c *Client) list(ctx context.Context, service, metric string, from, to time.Time, query url.Values) ([]series, error) {
	part := strings.Split(service, "/") // projects/P/locations/L/services/S
	if len(part) != 6 || to.Sub(from) < Shortest {
		return nil, fmt.Errorf("%w: no service, or a span below %s", ErrNotFound, Shortest)
	}
	query.Set("filter", fmt.Sprintf(`metric.type="run.googleapis.com/%s" AND resource.type="cloud_run_revision" AND resource.labels.service_name=%q AND resource.labels.location=%q`, metric, part[5], part[3]))
	query.Set("interval.startTime", from.UTC().Format(time.RFC3339))
	query.Set("interval.endTime", to.UTC().Format(time.RFC3339))
	query.Set("aggregation.alignmentPeriod", fmt.Sprintf("%ds", int(to.Sub(from).Seconds())))
	var answer struct {
		Series []series   `json:"timeSeries"`
		Errors []struct{} `json:"executionErrors"`
		Next   string     `json:"nextPageToken"`
	}
	if err := c.rest.Get(ctx, "/v3/projects/"+part[1]+"/timeSeries", query, &answer); err != nil {
		return nil, err
	}
	if len(answer.Errors) > 0 || answer.Next != "" {
		return nil, fmt.Errorf("%w: the answer is incomplete", ErrUnavailable)
	}
	return answer.Series, nil
}
