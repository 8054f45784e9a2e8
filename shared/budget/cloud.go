package budget

import (
	"encoding/json"
	"regexp"
	"slices"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Cost is one line of Google Cloud's bill for a month.
type Cost struct {
	Item string `json:"item"`
	// Use is in Unit; the first Free of them cost nothing, and a unit beyond Price dollars.
	Use   float64 `json:"use"`
	Unit  string  `json:"unit"`
	Free  float64 `json:"free"`
	Price float64 `json:"price"`
	// Dollars is what is left to pay where nothing else uses the free tier, and Gross
	// where others have used it up.
	Dollars float64 `json:"dollars"`
	Gross   float64 `json:"gross"`
	// Basis says what the use is reckoned from.
	Basis string `json:"basis"`
}

// What runs take: a fixed part, most of which is waiting for the network, and one for each
// database, which `scripts/bench growth` measures, as it does the bytes.
const (
	healthSeconds  = 0.3
	metricsSeconds = 0.5
	alertSeconds   = 0.05
	pingSeconds    = 0.00055 // a database of a HealthCheck run
	readingSeconds = 0.00085 // of a Metrics run
	judgeSeconds   = 0.00003 // of a report, in Alert
	memoryGiB      = 0.25

	pingBytes     = 900  // a PING on a fresh TLS connection
	logBytes      = 600  // its line in the log
	reportBytes   = 1000 // Pub/Sub bills at least this for a message
	observedBytes = 72   // of a report, for a database
	hotBytes      = 360  // of an hour's documents, for a database that is pinged each minute
	gaugeBytes    = 590  // and read each 5 minutes
	sampleBytes   = 2300 // of a day's, for a database that is pinged each minute
	dayBytes      = 50
	gib           = 1 << 30
	mib           = 1 << 20
)

// Cloud itemises Google Cloud's bill.
//
// Prices are those of us-central1 as published on 2026-08-29, for example
// https://cloud.google.com/run/pricing, …/scheduler/pricing, …/secret-manager/pricing,
// …/firestore/pricing, …/pubsub/pricing and …/stackdriver/pricing.
func Cloud(c *config.Config) []Cost {
	v := volumeOf(c)
	costs := []Cost{
		{Item: "Cloud Run requests", Use: v.health + v.metrics + v.messages + v.uptime, Unit: "requests", Free: 2e6, Price: 0.40 / 1e6, Basis: "every run, every message to Alert, every look at /health"},
		{Item: "Cloud Run CPU", Use: v.cpuSeconds, Unit: "vCPU s", Free: 180_000, Price: 0.000024, Basis: "0.3 s a HealthCheck run, 0.5 s a Metrics run, 0.05 s a message, 0.02 s a look at /health; a database 0.55, 0.85 and 0.03 ms"},
		{Item: "Cloud Run memory", Use: v.cpuSeconds * memoryGiB, Unit: "GiB s", Free: 360_000, Price: 0.0000025, Basis: "256 MiB while a request is answered"},
		{Item: "Cloud Scheduler jobs", Use: v.jobs, Unit: "jobs", Free: 3, Price: 0.10, Basis: "HealthCheck a shard and region, Metrics a shard, the tick"},
		{Item: "Secret Manager versions", Use: v.secrets, Unit: "versions", Free: 6, Price: 0.06, Basis: "the references of the configuration, and the parts of a document that is too long for the environment"},
		{Item: "Secret Manager accesses", Use: v.accesses, Unit: "accesses", Free: 10_000, Price: 0.03 / 1e4, Basis: "each secret once an hour by two functions"},
		{Item: "Firestore reads", Use: v.reads, Unit: "documents", Free: freeReads, Price: 0.03 / 1e5, Basis: "6 a Metrics run, the state a report, 2 a shard and tick, a document a job for /health"},
		{Item: "Firestore reads of pages", Use: v.pages, Unit: "documents", Free: max(0, freeReads-v.reads), Price: 0.03 / 1e5, Basis: "10 a shard and region each 30 s, while the dashboard is open: eight hours a day"},
		{Item: "Firestore writes", Use: v.writes, Unit: "documents", Free: 20_000 * 30, Price: 0.09 / 1e5, Basis: "1 a run, the state a report"},
		{Item: "Firestore deletes", Use: v.deletes, Unit: "documents", Free: 20_000 * 30, Price: 0.01 / 1e5, Basis: "documents that expire"},
		{Item: "Firestore storage", Use: v.stored / gib, Unit: "GiB", Free: 1, Price: 0.15, Basis: "history as long as it is kept"},
		{Item: "Pub/Sub", Use: v.published / gib, Unit: "GiB", Free: 10, Price: 40.0 / 1024, Basis: "each message published and delivered, 1 kB at least"},
		{Item: "Egress", Use: v.egress / gib, Unit: "GiB", Free: 1, Price: 0.12, Basis: "0.9 kB a PING"},
		{Item: "Cloud Logging", Use: v.logged / gib, Unit: "GiB", Free: 50, Price: 0.50, Basis: "0.6 kB a PING"},
		{Item: "Log-based metrics", Use: v.metricBytes() / mib, Unit: "MiB", Free: 150, Price: 0.2580, Basis: "a count and a distribution a database and region, 8 and 80 bytes a minute"},
		{Item: "Uptime check", Use: v.uptime, Unit: "executions", Free: 1e6, Price: 0.30 / 1e3, Basis: "each 5 minutes, from three regions"},
		{Item: "Alert policies", Use: alertPolicies, Unit: "metrics", Free: alertPolicies, Price: 0.35, Basis: "announced: a metric that a policy names; free until September 2027"},
		{Item: "Artifact Registry", Use: 0.2, Unit: "GiB", Free: 0.5, Price: 0.10, Basis: "the images of four functions"},
	}
	for i := range costs {
		k := &costs[i]
		k.Gross = k.Use * k.Price
		k.Dollars = max(0, k.Use-k.Free) * k.Price
	}
	return costs
}

// Dollars is the sum of what is left to pay.
func Dollars(costs []Cost) (sum, gross float64) {
	for _, c := range costs {
		sum, gross = sum+c.Dollars, gross+c.Gross
	}
	return sum, gross
}

// volume is what a month brings.
type volume struct {
	health, metrics, messages float64 // requests
	uptime                    float64 // requests for /health
	cpuSeconds                float64
	jobs, secrets, accesses   float64
	reads, writes, deletes    float64 // documents
	pages                     float64 // documents read for pages
	stored                    float64 // bytes
	published, egress, logged float64 // bytes
	// watched is databases times regions, and places is shards times regions.
	watched, places float64
}

// Cloud Monitoring looks at /health from so many regions every so many minutes, and each look takes so long. So many
// metrics are named by policies (terraform/monitoring.tf, terraform/uptime.tf).
const (
	uptimeRegions = 3
	uptimeMinutes = 5
	uptimeSeconds = 0.02
	alertPolicies = 7
)

// A dashboard asks again each 30 s while it is open, and reads so many documents of each shard and region. Firestore
// gives away 50,000 reads a day (https://cloud.google.com/firestore/pricing).
const (
	pageDocuments   = 10
	pageLooksAMonth = 8 * 120 * 30
	freeReads       = 50_000 * 30.0
)

// perDatabaseMost is how many databases times regions the log-based metrics have a
// label for the database; above it Terraform leaves the label out (terraform/monitoring.tf).
const perDatabaseMost = 40

// metricBytes are what Cloud Monitoring ingests: 8 bytes for a point of a count and 80
// for one of a distribution (https://cloud.google.com/stackdriver/pricing).
func (v volume) metricBytes() float64 {
	series := v.watched
	if series > perDatabaseMost {
		series = v.places
	}
	return series * Month.Minutes() * (8 + 80)
}

func volumeOf(c *config.Config) volume {
	v := volume{jobs: 1, messages: float64(Month.Minutes())} // the tick
	v.secrets = float64(references(c) + parts(c.Size()))
	v.accesses = v.secrets * Month.Hours() * 2
	for _, shard := range c.ShardNames() {
		databases, sent := c.InShard(shard), int64(0)
		for _, d := range databases {
			for _, line := range pings(c, d) {
				sent += line.Runs
			}
		}
		v.add(c, float64(len(databases)), float64(max(1, len(c.RegionsOf(shard)))), float64(sent))
	}
	v.messages += v.health + v.metrics
	if c.Access.Health != config.AccessToken { // which Cloud Monitoring does not have
		v.uptime = Month.Minutes() / uptimeMinutes * uptimeRegions
	}
	v.cpuSeconds += v.messages*alertSeconds + v.uptime*uptimeSeconds
	shards := float64(len(c.ShardNames()))
	v.reads = 6*v.metrics + v.health + v.metrics + 2*shards*Month.Minutes() + v.uptime*(v.places+shards)
	v.pages = pageDocuments * pageLooksAMonth * v.places
	v.writes = 2 * (v.health + v.metrics)
	v.published += 2 * reportBytes * Month.Minutes()
	return v
}

// add adds a shard of so many databases, watched from so many regions by so many pings.
func (v *volume) add(c *config.Config, databases, regions, pings float64) {
	health := float64(runs(c.Every(report.HealthCheck))) * regions
	metrics := float64(runs(c.Every(report.Metrics)))
	v.health, v.metrics = v.health+health, v.metrics+metrics
	v.jobs += regions + 1
	v.cpuSeconds += health*healthSeconds + pings*pingSeconds + metrics*(metricsSeconds+readingSeconds*databases) + (health+metrics)*judgeSeconds*databases
	v.published += 2 * (health + metrics) * max(reportBytes, observedBytes*databases)
	v.egress += pings * pingBytes
	v.logged += pings * logBytes
	v.watched += databases * regions
	v.places += regions
	h := c.History
	v.deletes += Month.Hours()*(regions+1) + Month.Hours()/24*(databases+1)
	pinged, read := pings/Month.Minutes(), databases*metrics*5/Month.Minutes() // databases at the pace of the constants
	v.stored += float64(h.HotDays) * 24 * (hotBytes*pinged + gaugeBytes*read)
	v.stored += float64(h.SampleDays)*sampleBytes*pinged/regions + databases*float64(h.RollupDays)*dayBytes
}

// parts returns how many secrets Terraform makes of a document of so many bytes: none where the
// environment holds it, else one for each part of its databases and one for the rest
// (terraform/configuration.tf).
func parts(size int) int {
	const environment, part = 24_000, 56_000
	if size <= environment {
		return 0
	}
	return 1 + (size+part-1)/part
}

var reference = regexp.MustCompile(`"sm://[^"]+"`)

// references returns how many secrets the configuration names: as JSON, a secret is its reference.
func references(c *config.Config) int {
	text, _ := json.Marshal(c) // as for its hash, which no type of it can fail
	all := reference.FindAllString(string(text), -1)
	slices.Sort(all)
	return len(slices.Compact(all))
}
