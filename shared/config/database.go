package config

import (
	"strings"
	"time"
)

// Database is one Upstash database to watch.
type Database struct {
	// An immutable name of lower-case letters, digits and dashes. History and incidents are kept under it.
	Name string `yaml:"name" required:"true" pattern:"name" example:"prod-cache"`
	// The shard that watches it.
	Shard string `yaml:"shard" pattern:"name" example:"main"`
	// The environment, for routes and messages, in place of the document's.
	Environment string `yaml:"environment" pattern:"name" example:"production"`
	// The REST URL, or a reference to a secret that holds it. An app without it runs in mock mode, so a database without it is reported.
	URL Secret `yaml:"url" plain:"true" example:"https://merry-cat-32748.upstash.io"`
	// A reference to the Standard REST token. Empty takes URL and token from `credentials`.
	Token Secret `yaml:"token" example:"sm://projects/my-project/secrets/prod-cache-token"`
	// Whether the app is configured to use a mock in place of Redis (its MOCK_REDIS). That is reported as an outage.
	Mock bool `yaml:"mock" example:"false"`
	// The region whose word weighs most, usually the one where the app runs, in place of the shard's.
	Home string `yaml:"home" pattern:"name" example:"us-east4"`
	// The Upstash region of the primary, for the check that app and database are close.
	Region string `yaml:"region" pattern:"name" example:"us-east-1"`
	// The Upstash plan, from which the limits follow.
	Plan string `yaml:"plan" enum:"free,payg,fixed-250mb,fixed-1gb,fixed-5gb,fixed-10gb,fixed-50gb,fixed-100gb,fixed-500gb,custom" example:"free"`
	// Limits that differ from the plan's.
	Limits Limits `yaml:"limits"`
	// The id of the database in the Upstash account, for the management API and the link to the console.
	DatabaseID string `yaml:"database_id" pattern:"id" example:"6a1f2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"`
	// The services that use this database and can say whether they are in mock mode. A single one needs no list.
	Apps []App `yaml:"app" single:"true"`
	// Checks that differ from the document's.
	Checks Checks `yaml:"checks"`
	// Thresholds that differ from the document's.
	Thresholds Thresholds `yaml:"thresholds"`
	// A budget that differs from the document's.
	Budget Budget `yaml:"budget"`
	// The share of pings that should be good, in place of the document's.
	Objective float64 `yaml:"objective" min:"0.5" max:"0.99999" example:"0.999"`

	// Problems are what is wrong with this database's entry. While there are any that
	// are no notices the database cannot be watched.
	Problems Problems `yaml:"-" json:"-"`

	// missingURL is set where neither the entry nor a bundle can hold a URL.
	missingURL bool
}

// Limits are a plan's limits. In the document 0 takes the plan's; once that is done, it
// is without limit, or unknown.
type Limits struct {
	// The most data it may hold (Upstash's max_data_size).
	Memory Bytes `yaml:"memory" min:"0" example:"256MB"`
	// The most commands a month.
	Commands int64 `yaml:"commands" min:"0" example:"500000"`
	// The most traffic a month.
	Bandwidth Bytes `yaml:"bandwidth" min:"0" example:"10GB"`
	// The most commands a second before Upstash slows them down.
	CommandsPerSecond int `yaml:"commands_per_second" min:"0" example:"10000"`
	// The largest request or reply.
	Request Bytes `yaml:"request" min:"0" example:"10MB"`
}

// App is a service that uses the database, and at least one way to ask it: its health
// page, or what Cloud Run says of it.
type App struct {
	// The service's name, as it appears in its logs and events. On Cloud Run, the service's own name.
	Service string `yaml:"service" pattern:"service" example:"backend"`
	// The page on which the app tells its mode: "connected" or "mock".
	HealthURL string `yaml:"health_url" pattern:"url" example:"https://app.example.com/api/v1/health/redis"`
	// Whether the app implements the proof: on a signed request it writes a nonce to its Redis, and pongwatch looks for it. Needs `proof_key`.
	Proof bool `yaml:"proof" example:"true"`
	// How often the proof is asked for.
	ProofEvery time.Duration `yaml:"proof_every" min:"1s" max:"24h" example:"15m"`
	// The Cloud Run service whose deployed environment is read: the names of its variables and the value of MOCK_REDIS, nothing else.
	CloudRun string `yaml:"cloud_run" pattern:"cloud_run" example:"projects/my-project/locations/us-east4/services/backend"`
}

// Budget bounds the commands that pongwatch itself may use.
type Budget struct {
	// The largest share of the plan's monthly commands. A configuration that needs more is refused.
	Share float64 `yaml:"share" min:"0.001" max:"1" example:"0.07"`
	// The most commands a month on a plan without a quota.
	Commands int64 `yaml:"commands" min:"1" example:"35000"`
	// Accept a configuration that needs more than its budget.
	Override bool `yaml:"override" example:"false"`
	// The share of the quota from which checks that cost commands stop.
	StopAt float64 `yaml:"stop_at" min:"0.01" max:"1" example:"0.95"`
}

// Watchable reports whether nothing in the configuration forbids to watch the database.
func (d *Database) Watchable() bool { return !d.Problems.Any() }

// WithoutTLS reports whether the database's own URL says http://, which is accepted for
// this machine's loopback only.
func (d *Database) WithoutTLS() bool {
	return strings.HasPrefix(d.URL.value.Reveal(), "http://")
}

// MockEvidence reports whether the configuration itself says that the app runs on a
// mock, and how: MOCK_REDIS is set, or there is no URL to connect to.
func (d *Database) MockEvidence() (evidence string, mock bool) {
	switch {
	case d.Mock:
		return "mock: true (MOCK_REDIS) is configured", true
	case d.missingURL:
		return "no URL is configured (UPSTASH_REDIS_URL), so an app with the same settings runs in mock mode", true
	}
	return "", false
}
