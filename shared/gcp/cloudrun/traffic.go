package cloudrun

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// Shortest is the shortest span that the API aligns. Cloud Run writes a point a minute.
const Shortest = time.Minute

// series is one time series of an answer, as far as it is read.
type series struct {
	Metric struct {
		Labels struct {
			Class string `json:"response_code_class"`
		} `json:"labels"`
	} `json:"metric"`
	Points []struct {
		Value struct {
			Int64  int64   `json:"int64Value,string"`
			Double float64 `json:"doubleValue"`
		} `json:"value"`
	} `json:"points"`
}

// Traffic reads the requests of the service projects/P/locations/L/services/S in a span of at
// least [Shortest]. A span without requests is [ErrNoData], never zero. The metrics are Cloud Run's
// (https://cloud.google.com/monitoring/api/metrics_gcp#gcp-run).
func (c *Client) Traffic(ctx context.Context, service string, from, to time.Time) (report.Traffic, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var t report.Traffic
	counts, err := c.list(ctx, service, "request_count", from, to, url.Values{
		"aggregation.crossSeriesReducer": {"REDUCE_SUM"},
		"aggregation.groupByFields":      {"metric.labels.response_code_class"},
	})
	if err != nil {
		return report.Traffic{}, fmt.Errorf("reading the requests: %w", err)
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
		"aggregation.crossSeriesReducer": {"REDUCE_PERCENTILE_95"},
	})
	if err != nil {
		return report.Traffic{}, fmt.Errorf("reading the latencies: %w", err)
	}
	if len(latencies) == 1 && len(latencies[0].Points) > 0 {
		t.P95 = latencies[0].Points[0].Value.Double
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
	query.Set("aggregation.perSeriesAligner", "ALIGN_DELTA")
	var answer struct {
		Series []series   `json:"timeSeries"`
		Errors []struct{} `json:"executionErrors"`
		Next   string     `json:"nextPageToken"`
	}
	if err := c.get(ctx, c.monitoring, "/v3/projects/"+part[1]+"/timeSeries", query, &answer); err != nil {
		return nil, err
	}
	if len(answer.Errors) > 0 || answer.Next != "" {
		return nil, fmt.Errorf("%w: the answer is incomplete", ErrUnavailable)
	}
	return answer.Series, nil
}
