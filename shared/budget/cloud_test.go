package budget_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/config"
)

// uses returns the use of each item of the bill.
func uses(c *config.Config) map[string]float64 {
	out := map[string]float64{}
	for _, cost := range budget.Cloud(c) {
		out[cost.Item] = cost.Use
	}
	return out
}

// Three databases in two shards: main has one region, eu two databases and two regions.
// HealthCheck runs 43,200 times a month and region, Metrics 8,640 times a shard.
func TestEachLineOfTheBill(t *testing.T) {
	c := parse(t, `
regions: [us-east4]
shards: [{name: eu, regions: [europe-west1, europe-west3]}]
databases:
  - {name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}
  - {name: b, shard: eu, url: "sm://projects/p/secrets/url", token: "sm://projects/p/secrets/b"}
  - {name: c, shard: eu, url: "https://c.upstash.io", token: "sm://projects/p/secrets/a"}
receivers:
  - {name: slack, slack: {webhook: "sm://projects/p/secrets/hook"}}
  - {name: json, webhook: {url: "https://x.example.com/", keys: ["sm://projects/p/secrets/k1", "sm://projects/p/secrets/k2"]}}
`)
	const (
		minutes  = 30 * 24 * 60
		health   = 3 * minutes
		metrics  = 2 * minutes / 5
		messages = minutes + health + metrics
		uptime   = 3 * minutes / 5
		secrets  = 6 // distinct references: the environment holds the document itself
		gib      = 1073741824.0
	)
	const ping, reading, judge = 0.00055, 0.00085, 0.00003
	cpu := minutes*(0.3+ping+judge) + 2*minutes*(0.3+2*(ping+judge)) + minutes/5*(0.5+reading+judge) + minutes/5*(0.5+2*(reading+judge)) + messages*0.05 + uptime*0.02
	stored := 3*24*1*(360*1+590.0) + 3*24*2*(360*2+590.0) + 3*(30*2300+400*50.0)
	want := map[string]float64{
		"Cloud Run requests":       health + metrics + messages + uptime,
		"Cloud Run CPU":            cpu,
		"Cloud Run memory":         cpu / 4,
		"Cloud Scheduler jobs":     1 + 2 + 3,
		"Secret Manager versions":  secrets,
		"Secret Manager accesses":  secrets * 720 * 2,
		"Firestore reads":          6*metrics + health + metrics + 2*2*minutes + uptime*(3+2),
		"Firestore reads of pages": 10 * 3 * 8 * 120 * 30,
		"Firestore writes":         2 * (health + metrics),
		"Firestore deletes":        720*2 + 30*2 + 720*3 + 30*3,
		"Firestore storage":        stored / gib,
		"Pub/Sub":                  (2*1000*(health+metrics) + 2*1000*minutes) / gib,
		"Egress":                   900 * minutes * (1 + 2*2) / gib,
		"Cloud Logging":            600 * minutes * (1 + 2*2) / gib,
		"Log-based metrics":        5 * minutes * 88.0 / (1 << 20),
		"Uptime check":             uptime,
		"Alert policies":           7,
		"Artifact Registry":        0.2,
	}
	got := uses(c)
	for item, use := range want {
		if math.Abs(got[item]-use) > 1e-9*use {
			t.Errorf("%s: %v, want %v", item, got[item], use)
		}
		delete(got, item)
	}
	if len(got) > 0 {
		t.Errorf("other items: %v", got)
	}
}

// bundled is a configuration of n databases without secrets of their own.
func bundled(t *testing.T, n int, more string) *config.Config {
	t.Helper()
	var b strings.Builder
	b.WriteString(more + "\ncredentials: sm://projects/p/secrets/databases\ndatabases:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: cache-%d}\n", i)
	}
	return parse(t, b.String())
}

// What a PING takes is of the pings that there are, which may be rarer than HealthCheck's runs.
func TestRareAndFrequentPingsCostWhatTheyAre(t *testing.T) {
	of := func(more string) map[string]float64 {
		return uses(parse(t, more+"\nregions: [us-east4]\ndatabases: [{name: a, url: 'https://a.upstash.io', token: 'sm://projects/p/secrets/a'}]"))
	}
	usual, rare, often := of(""), of("checks: {ping: {every: 15m}, latency: {every: 15m}}"), of("schedule: {healthcheck: 10s, metrics: 1m}")
	for _, item := range []string{"Egress", "Cloud Logging"} {
		if got, want := rare[item]*15, usual[item]; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s of 15 months of a PING each 15 minutes is %v, want %v", item, got, want)
		}
		if got, want := often[item], usual[item]*6; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s of a PING each 10 seconds is %v, want %v", item, got, want)
		}
	}
	const gib, days = 1 << 30, 400 * 50
	if got, want := often["Firestore storage"]*gib-days, 3*24*(6*360+5*590)+30*6*2300.; math.Abs(got-want) > 1 {
		t.Errorf("Firestore holds %v bytes of a PING each 10 seconds, want %v", got, want)
	}
}

func TestManyDatabasesLoseTheirLabelInMetrics(t *testing.T) {
	const mib = 30 * 24 * 60 * 88.0 / (1 << 20)
	for _, c := range []struct {
		databases int
		regions   string
		series    float64
	}{{40, "[a]", 40}, {41, "[a]", 1}, {20, "[a, b]", 40}, {21, "[a, b]", 2}} {
		if got := uses(bundled(t, c.databases, "regions: "+c.regions))["Log-based metrics"]; math.Abs(got-c.series*mib) > 1e-9 {
			t.Errorf("%d databases in %s: %v MiB, want %v", c.databases, c.regions, got, c.series*mib)
		}
	}
}

func TestLargeReportsAreBilledByTheirSize(t *testing.T) {
	const runs = 43_200 + 8_640
	for databases, bytes := range map[int]float64{13: 1000, 14: 1008, 100: 7200} {
		want := (2*runs*bytes + 2*1000*43_200) / (1 << 30)
		if got := uses(bundled(t, databases, ""))["Pub/Sub"]; math.Abs(got-want) > 1e-9 {
			t.Errorf("%d databases: %v GiB, want %v", databases, got, want)
		}
	}
}

func TestAPageThatNeedsATokenHasNoUptimeCheck(t *testing.T) {
	got := uses(bundled(t, 1, "access: {health: token, tokens: [sm://projects/p/secrets/read]}"))
	if got["Uptime check"] != 0 || got["Secret Manager versions"] != 2 {
		t.Errorf("uptime %v, secrets %v", got["Uptime check"], got["Secret Manager versions"])
	}
}

func TestASecretInPlainTextIsNoReference(t *testing.T) {
	c := bundled(t, 1, "")
	c.Databases[0].Token = config.Inline("x")
	if got := uses(c)["Secret Manager versions"]; got != 1 {
		t.Errorf("%v versions, want the bundle alone", got)
	}
}

// The prices and free tiers as published on 2026-08-29.
func TestPrices(t *testing.T) {
	want := map[string][3]any{
		"Cloud Run requests": {2e6, 0.0000004, "requests"}, "Cloud Run CPU": {180_000.0, 0.000024, "vCPU s"}, "Cloud Run memory": {360_000.0, 0.0000025, "GiB s"},
		"Cloud Scheduler jobs": {3.0, 0.10, "jobs"}, "Secret Manager versions": {6.0, 0.06, "versions"}, "Secret Manager accesses": {10_000.0, 0.000003, "accesses"},
		"Firestore reads": {1_500_000.0, 0.0000003, "documents"}, "Firestore writes": {600_000.0, 0.0000009, "documents"}, "Firestore deletes": {600_000.0, 0.0000001, "documents"},
		"Firestore storage": {1.0, 0.15, "GiB"}, "Pub/Sub": {10.0, 0.0390625, "GiB"}, "Egress": {1.0, 0.12, "GiB"}, "Cloud Logging": {50.0, 0.50, "GiB"},
		"Log-based metrics": {150.0, 0.2580, "MiB"}, "Uptime check": {1e6, 0.0003, "executions"}, "Alert policies": {7.0, 0.35, "metrics"}, "Artifact Registry": {0.5, 0.10, "GiB"},
	}
	costs := budget.Cloud(bundled(t, 1, ""))
	reads := costs[slices.IndexFunc(costs, func(c budget.Cost) bool { return c.Item == "Firestore reads" })].Use
	// Pages have what runs leave of the reads that are free.
	want["Firestore reads of pages"] = [3]any{1_500_000.0 - reads, 0.0000003, "documents"}
	for _, c := range costs {
		free, price := want[c.Item][0].(float64), want[c.Item][1].(float64)
		if c.Free != free || math.Abs(c.Price-price) > 1e-15 || c.Unit != want[c.Item][2] {
			t.Errorf("%s: %v %s free, then $%v each, want %v", c.Item, c.Free, c.Unit, c.Price, want[c.Item])
		}
	}
}

func TestWhatIsFreeIsNotPaid(t *testing.T) {
	for _, cost := range budget.Cloud(bundled(t, 100, "regions: [a, b]")) {
		want := 0.0
		if cost.Use > cost.Free {
			want = (cost.Use - cost.Free) * cost.Price
		}
		if cost.Dollars != want || cost.Gross != cost.Use*cost.Price || cost.Price <= 0 || cost.Unit == "" || cost.Basis == "" {
			t.Errorf("%+v, want %v dollars", cost, want)
		}
	}
	sum, gross := budget.Dollars([]budget.Cost{{Dollars: 1, Gross: 3}, {Dollars: 2, Gross: 4}})
	if diff := cmp.Diff([]float64{3, 7}, []float64{sum, gross}); diff != "" {
		t.Error(diff)
	}
}
