package metrics_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
)

// By hand: write makes 8,640 runs of three commands, the round trip 720 of 14, isolation
// and values 30 of one to 65 each; upper are 43,200 PINGs and 8,640 INFOs more.
func TestTheFootprintIsOfEachPlan(t *testing.T) {
	x := newFixture(t, "- {name: metered, url: \"http://127.0.0.1:9\", token: sesame, plan: payg, checks: {isolation: {enabled: false}, values: {enabled: false}, write: {enabled: false}, round_trip: {every: 1h}}}\n- {name: loud, url: \"http://127.0.0.1:9\", token: sesame, plan: payg, budget: {commands: 1, override: true}}\n")
	got := x.statistics(t, "").Monitor.Footprint
	want := []statistics.Footprint{
		{Database: "cache", Plan: "free", Quota: 500_000, Least: 36_060, Most: 39_900, Upper: 91_740, LeastRatio: new(0.07212), MostRatio: new(0.0798), UpperRatio: new(0.18348), Over: true},
		{Database: "metered", Plan: "payg", Least: 10_080, Most: 10_080, Upper: 61_920},
		{Database: "loud", Plan: "payg", Least: 36_060, Most: 39_900, Upper: 91_740, Over: true, Accepted: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if one := x.statistics(t, "?database=metered").Monitor.Footprint; len(one) != 1 || one[0].Database != "metered" {
		t.Errorf("of one database the footprint is %+v", one)
	}
	text := x.get(t, "/metrics").Body.String()
	if n := strings.Count(text, "\npongwatch_footprint_commands{"); n != 9 {
		t.Errorf("%d series of commands, want three for each database", n)
	}
	if n := strings.Count(text, "\npongwatch_footprint_ratio{"); n != 3 {
		t.Errorf("%d series of shares, want three: pay as you go has no quota", n)
	}
}
