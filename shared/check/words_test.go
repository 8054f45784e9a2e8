package check_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestFamiliesShowAWordAtMost(t *testing.T) {
	for key, want := range map[string]string{
		"user:1": "user:*", "User-log_in:1:2": "User-log_in:*", "user:": "us*", "user": "us*", "ab": "a*", "a": "*", "sessions": "sess*", "ws:1": "ws:*", "ws": "w*",
		"user1:x": "*:*", "1": "*", "": "*", "user.log:x": "*:*", "us[er:x": "*:*", "us`er:x": "*:*", "us@er:x": "*:*", "us{er:x": "*:*",
		strings.Repeat("a", 24) + ":x": strings.Repeat("a", 24) + ":*", strings.Repeat("a", 25) + ":x": "*:*",
	} {
		if got := check.Family(key); got != want {
			t.Errorf("the family of %q is %q, want %q", key, got, want)
		}
	}
}

func TestTheLargestFamiliesAreListedFirst(t *testing.T) {
	target, server := sampler(t)
	pairs := map[string]string{}
	for i, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		for n := range i%3 + 1 {
			pairs[fmt.Sprintf("%s%s:%d", name, name, n)] = "x"
		}
	}
	fill(t, server, pairs)
	const want = "13 of all 13 keys outside the workspaces: cc:* (3), ff:* (3), bb:* (2), ee:* (2), aa:* (1) and 2 more patterns"
	if got := observe(t, target)[report.Isolation]; got.Evidence != want || *got.Threshold != 1 || got.Unit != report.Count {
		t.Errorf("isolation = %+v, want %q", got, want)
	}
}

// TestOnlyAppsWithAnAddressAreAsked has four apps with either, both and no address.
func TestOnlyAppsWithAnAddressAreAsked(t *testing.T) {
	var asked atomic.Int32
	target := target(t, report.HealthCheck, pong)
	srv := apps(t, target, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(200, `{"status":"connected"}`)(w, r)
	})
	health := srv.URL + "/health"
	target.Database.Apps = []config.App{{Service: "none"}, {Service: "page", HealthURL: health}, {Service: "run", CloudRun: backend}, {Service: "both", HealthURL: health, CloudRun: backend}}
	read := make(chan string, 4)
	target.Deployments = func(_ context.Context, service string) (config.Deployment, error) {
		read <- service
		return config.Deployment{Variables: []string{"UPSTASH_REDIS_URL"}, Mock: "true"}, nil
	}
	got := map[string]report.Status{}
	for _, o := range check.Run(t.Context(), target, check.Specs(report.HealthCheck, target.Database, time.Minute), eight, time.Minute) {
		if o.Check == report.MockMode {
			got[o.Subject+" by "+o.Source] = o.Status
			if o.At.IsZero() {
				t.Errorf("%+v has no time", o)
			}
		}
	}
	want := map[string]report.Status{
		"none by config": report.OK, "page by config": report.OK, "run by config": report.Fail, "both by config": report.Fail,
		"page by app": report.OK, "both by app": report.OK,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || asked.Load() != 2 || len(read) != 2 {
		t.Errorf("observed %v after %d and %d questions, want %v after 2 and 2", got, asked.Load(), len(read), want)
	}
}

func TestACommandsEvidenceSaysWhatIsKnown(t *testing.T) {
	const bound = "at least 5 commands this month, as far as INFO was seen to count (a lower bound: the management API has the exact number)"
	tests := []struct {
		limit int64
		past  []report.Reading
		want  string
		clear bool
	}{
		{1000, []report.Reading{{At: eight.Add(-time.Minute), Replica: "10.16.8.4", Values: map[report.Gauge]float64{report.GaugeMonthCommandsSeen: 5}}}, bound + " of 1000", true},
		{0, []report.Reading{{At: eight.Add(-time.Minute), Replica: "10.16.8.4", Values: map[report.Gauge]float64{report.GaugeMonthCommandsSeen: 5}}}, bound, true},
	}
	for _, tt := range tests {
		target, _ := emulated(t)
		target.Database.Limits.Commands, target.Readings = tt.limit, tt.past
		if o := observe(t, target)[report.Commands]; o.Evidence != tt.want || o.Clear != tt.clear || (o.Value != nil) != (tt.limit > 0) {
			t.Errorf("limit %d: commands = %+v, want %q", tt.limit, o, tt.want)
		}
	}
	target, _ := emulated(t)
	target.Unread = true
	if o := observe(t, target)[report.Commands]; o.Cause != cause.MonitorStore || o.Evidence == "" {
		t.Errorf("without history commands = %+v, want the reason", o)
	}
}

func TestDueAsksInTheFirstRunOfAnInterval(t *testing.T) {
	// A run that divides its interval exactly, on both sides of 1970.
	for _, start := range []time.Time{time.Unix(0, 0), time.Unix(-86400, 0), eight} {
		due := 0
		for i := range 12 {
			if check.Due(check.Spec{Every: time.Hour}, "cache", start.Add(time.Duration(i)*5*time.Minute), 5*time.Minute) {
				due++
			}
		}
		if due != 1 {
			t.Errorf("from %v an hourly check is due %d times in an hour", start, due)
		}
	}
	if !check.Due(check.Spec{Every: time.Minute}, "cache", eight, time.Minute) || !check.Due(check.Spec{Every: time.Second}, "cache", eight, time.Minute) {
		t.Error("a check that is as frequent as its job is not due in each run")
	}
}
