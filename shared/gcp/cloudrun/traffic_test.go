package cloudrun_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun/cloudruntest"
	"github.com/pongwatch/pongwatch/shared/report"
)

var began = time.Date(2026, 11, 22, 18, 21, 0, 0, time.UTC)

// metering returns a client of a server that answers with these bodies by metric.
func metering(t *testing.T, counts, latencies string) *cloudrun.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := counts
		if strings.Contains(r.URL.Query().Get("filter"), "request_latencies") {
			body = latencies
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return cloudrun.New("", server.Listener.Addr().String())
}

func sample(tb testing.TB, name string) string {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

func TestShapesOfTheReference(t *testing.T) {
	requests, percentile := sample(t, "request_count.json"), sample(t, "request_latencies.json")
	point := func(value string) string { return `{"timeSeries":[{"points":[{"value":` + value + `}]}]}` }
	of := func(class, value string) string {
		return `{"timeSeries":[{"metric":{"labels":{"response_code_class":"` + class + `"}},"points":[{"value":{"int64Value":"` + value + `"}}]}]}`
	}
	tests := []struct {
		name, counts, latencies string
		want                    report.Traffic
		err                     error
	}{
		{"counts by class, and a percentile", requests, percentile, report.Traffic{Requests: 1079, Errors: 410, P95: 4210.526315789473}, nil},
		{"no latencies: the counts stand alone", requests, `{}`, report.Traffic{Requests: 1079, Errors: 410}, nil},
		{"a percentile without a number", requests, point(`{}`), report.Traffic{Requests: 1079, Errors: 410}, nil},
		{"no series: no data, never zero", `{"unit":"1"}`, `{}`, report.Traffic{}, cloudrun.ErrNoData},
		{"a series without points: no data", `{"timeSeries":[{"points":[]}]}`, `{}`, report.Traffic{}, cloudrun.ErrNoData},
		{"zero requests: no data", of("2xx", "0"), `{}`, report.Traffic{}, cloudrun.ErrNoData},
		{"errors alone", of("5xx", "7"), `{}`, report.Traffic{Requests: 7, Errors: 7}, nil},
		{"what clients do wrong is no error of the app", of("4xx", "7"), `{}`, report.Traffic{Requests: 7}, nil},
		{"an answer with errors is incomplete", `{"timeSeries":[],"executionErrors":[{"code":4,"message":"deadline"}]}`, `{}`, report.Traffic{}, cloudrun.ErrUnavailable},
		{"further pages are missing", `{"timeSeries":[],"nextPageToken":"x"}`, `{}`, report.Traffic{}, cloudrun.ErrUnavailable},
		{"latencies that are incomplete", requests, `{"nextPageToken":"x"}`, report.Traffic{}, cloudrun.ErrUnavailable},
		{"a count that is no number", of("2xx", "many"), `{}`, report.Traffic{}, cloudrun.ErrUnavailable},
		{"no JSON", "<html>", `{}`, report.Traffic{}, cloudrun.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := metering(t, tt.counts, tt.latencies).Traffic(t.Context(), service, began, began.Add(10*time.Minute))
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheSpanIsReadWhole(t *testing.T) {
	server, client := start(t)
	for m := range 30 {
		minute := cloudruntest.Minute{At: began.Add(time.Duration(m-9) * time.Minute), Answers: map[string]int64{"2xx": 100}, Latency: 80}
		if m >= 10 {
			minute.Answers, minute.Latency = map[string]int64{"2xx": 60, "5xx": 40}, 900
		}
		server.Add(service, minute)
	}
	before, err := client.Traffic(t.Context(), service, began.Add(-time.Hour), began)
	if err != nil || before != (report.Traffic{Requests: 1000, P95: 80}) {
		t.Errorf("before: %+v, %v", before, err)
	}
	during, err := client.Traffic(t.Context(), service, began, began.Add(5*time.Minute))
	if err != nil || during != (report.Traffic{Requests: 500, Errors: 200, P95: 900}) {
		t.Errorf("during: %+v, %v", during, err)
	}
	if _, err := client.Traffic(t.Context(), strings.Replace(service, "us-east4", "us-east1", 1), began, began.Add(time.Hour)); !errors.Is(err, cloudrun.ErrNoData) {
		t.Errorf("the same name in another region: %v", err)
	}
	if _, err := client.Traffic(t.Context(), service, began, began.Add(time.Second)); !errors.Is(err, cloudrun.ErrNotFound) {
		t.Errorf("a span that cannot be aligned: %v", err)
	}
	for status, want := range map[int]error{403: cloudrun.ErrDenied, 404: cloudrun.ErrNotFound, 429: cloudrun.ErrUnavailable} {
		server.Fail(status)
		if _, err := client.Traffic(t.Context(), service, began, began.Add(time.Hour)); !errors.Is(err, want) {
			t.Errorf("HTTP %d: %v, want %v", status, err, want)
		} else if status == 403 && !strings.Contains(err.Error(), "roles/monitoring.viewer") {
			t.Errorf("%v does not name the role", err)
		}
	}
}

func FuzzTraffic(f *testing.F) {
	f.Add(sample(f, "request_count.json"))
	f.Add(sample(f, "request_latencies.json"))
	f.Fuzz(func(t *testing.T, body string) {
		got, err := metering(t, body, body).Traffic(t.Context(), service, began, began.Add(time.Hour))
		if err == nil && got.Requests <= 0 || err != nil && got != (report.Traffic{}) {
			t.Errorf("%+v with error %v", got, err)
		}
	})
}
