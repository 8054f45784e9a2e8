// Package config is pongwatch's configuration: one document, free of secrets, that all four functions
// read. Every [Problem] is found at once, and one of a database or a receiver leaves the rest working.
// Comments and tags of the types are the manual and the JSON Schema.
package config

import (
	_ "embed" // for the schema
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// The names that a configuration made from the customer's variables uses, and the
// limits of any configuration.
const (
	DefaultShard    = "main"
	DefaultDatabase = "redis"
	// MinToken is the least length of a read token in characters. No one guesses a random one of
	// this length, so that guesses need not be counted.
	MinToken = 24
	// EnvConfig is the variable that holds the document or says where it is.
	EnvConfig = "PONGWATCH_CONFIG"
	// FormatAlertmanager is the format of Alertmanager's webhook.
	FormatAlertmanager = "alertmanager"

	// maxDatabases is how many databases one shard may hold.
	maxDatabases = 500
	// maxSecret is how many bytes Secret Manager takes as one version
	// (https://cloud.google.com/secret-manager/quotas).
	maxSecret = 64 << 10
	// shortestEntry is what the shortest token takes of a bundle, beside its database's name.
	shortestEntry = len(`"":{"token":"AX__________________________________________"},`)

	// Where changes are looked for.
	ChangesDeployments   = "deployments"
	ChangesSecrets       = "secrets"
	ChangesAudit         = "audit_log"
	ChangesLimits        = "limits"
	ChangesConfiguration = "configuration"
)

// Config is the whole configuration, with every default filled in.
type Config struct {
	// The version of the document's format. There is one.
	Version int `yaml:"version" min:"1" max:"1" example:"1"`
	// The environment of every database that names none, for routes and messages.
	Environment string `yaml:"environment" pattern:"name" example:"production"`
	// The Google Cloud regions from which HealthCheck runs. They vote on whether a database is down.
	Regions []string `yaml:"regions" single:"true" pattern:"name" example:"[us-east4, europe-west1]"`
	// The region whose word weighs most, usually the one where the app runs. Empty is the first of `regions`.
	Home string `yaml:"home" pattern:"name" example:"us-east4"`
	// How often the scheduled jobs run.
	Schedule schedule `yaml:"schedule"`

	// The databases to watch.
	Databases []Database `yaml:"databases" scope:"database"`
	// Settings of shards. A shard that a database names needs no entry here.
	Shards []Shard `yaml:"shards"`
	// A secret that holds the credentials of many databases as one JSON object: {"prod-cache": {"url": "https://…", "token": "…"}}.
	// It serves the databases that have no `token` of their own. A secret holds 64 KiB, so that several hundred databases need a list of them.
	Bundles []Secret `yaml:"credentials" single:"true" example:"[sm://projects/my-project/secrets/pongwatch-databases]"`
	// Which database an app's service uses, for mock-mode signals that name only the service.
	Services map[string]string `yaml:"services" example:"{backend: prod-cache}"`

	// Which checks run, and how often. A database may differ.
	Checks Checks `yaml:"checks"`
	// From which value, and after how many runs, a check counts as failed. A database may differ.
	Thresholds Thresholds `yaml:"thresholds"`
	// How much of a database's monthly commands pongwatch may use. A database may differ.
	Budget budget `yaml:"budget"`
	// The share of pings that should be good, from which the dashboard works out the error budget.
	Objective float64 `yaml:"objective" min:"0.5" max:"0.99999" example:"0.999"`

	// Where alerts are delivered.
	Receivers []Receiver `yaml:"receivers" scope:"receiver"`
	// Which alerts go to which receivers; the first route that matches is used. What no route matches goes to every receiver.
	Routes []Route `yaml:"routes"`
	// When and how often notifications are sent.
	Alerting Alerting `yaml:"alerting"`
	// Planned work: incidents that open during it notify no one.
	Maintenance []window `yaml:"maintenance"`
	// Who is on call, for messages.
	OnCall onCall `yaml:"oncall"`

	// Read access to the Upstash account, for figures that the database itself does not have, and to warn of what differs there.
	Management Management `yaml:"management"`
	// What Metrics looks for in the hour before a failure, for the line "Changed" of its message: `deployments` of each app's `cloud_run`,
	// new versions of the `secrets` with the databases' credentials, the `audit_log` of the account in `management`, the databases'
	// `limits`, and pongwatch's own `configuration`. Empty looks for nothing.
	Changes []string `yaml:"changes" enum:"deployments,secrets,audit_log,limits,configuration" single:"true" example:"[deployments, secrets]"`
	// The keys that prove what arrives from outside.
	Inbound Inbound `yaml:"inbound"`
	// The key with which pongwatch signs the request that asks an app for its mock-mode proof, or tests its limiter.
	// Either "whsec_" and base64, as Standard Webhooks has it, or any text of at least 24 bytes.
	ProofKey Secret `yaml:"proof_key" example:"sm://projects/my-project/secrets/pongwatch-proof-key"`
	// Who may read the pages. All but `health` are pages of Metrics: behind `iam` together, or not at all.
	Access access `yaml:"access"`
	// Where links in messages and pages lead.
	Links Links `yaml:"links"`
	// How long data is kept.
	History history `yaml:"history"`
	// An address outside Google Cloud that Alert requests while it works, so that its owner notices silence.
	Heartbeat Heartbeat `yaml:"heartbeat"`

	// Problems are those that leave the rest working, in document order. The ones of
	// a database or receiver are also listed there.
	Problems Problems `yaml:"-" json:"-"`

	// local accepts secrets in clear and http:// addresses of this machine.
	local bool
	// size is how long the documents are, in bytes.
	size int
}

// schedule says how often the scheduler posts to the jobs. Checks run in every run
// in which they are due, so their own interval is a multiple of this one.
type schedule struct {
	// How often HealthCheck runs.
	HealthCheck time.Duration `yaml:"healthcheck" min:"1s" max:"1h" example:"1m"`
	// How often Metrics runs. Counters are compared with those of the hour before.
	Metrics time.Duration `yaml:"metrics" min:"1s" max:"1h" example:"5m"`
}

// Shard is a named group of databases, watched by one scheduler job per region and
// kept in one state document. Alerts are grouped inside a shard.
type Shard struct {
	// The shard's name.
	Name string `yaml:"name" required:"true" pattern:"name" example:"main"`
	// The regions from which this shard is watched, in place of the document's.
	Regions []string `yaml:"regions" single:"true" pattern:"name" example:"[us-east4]"`
	// The home region of this shard's databases, in place of the document's.
	Home string `yaml:"home" pattern:"name" example:"us-east4"`
}

// ShardNames returns the names of every shard that has an entry or a database, sorted.
func (c *Config) ShardNames() []string {
	var names []string
	for _, s := range c.Shards {
		names = append(names, s.Name)
	}
	for _, d := range c.Databases {
		names = append(names, d.Shard)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// InShard returns the databases of that shard, in document order. The pointers lead into c.
func (c *Config) InShard(shard string) []*Database {
	var out []*Database
	for i := range c.Databases {
		if c.Databases[i].Shard == shard {
			out = append(out, &c.Databases[i])
		}
	}
	return out
}

// LargestShard returns how many databases the largest shard has.
func (c *Config) LargestShard() int {
	largest, inShard := 0, map[string]int{}
	for i := range c.Databases {
		inShard[c.Databases[i].Shard]++
		largest = max(largest, inShard[c.Databases[i].Shard])
	}
	return largest
}

// Database returns the database of that name, or nil.
func (c *Config) Database(name string) *Database {
	for i := range c.Databases {
		if c.Databases[i].Name == name {
			return &c.Databases[i]
		}
	}
	return nil
}

// Receiver returns the receiver of that name, or nil.
func (c *Config) Receiver(name string) *Receiver {
	for i := range c.Receivers {
		if c.Receivers[i].Name == name {
			return &c.Receivers[i]
		}
	}
	return nil
}

// RegionsOf returns the regions from which that shard is watched, and the others where none is configured.
func (c *Config) RegionsOf(shard string, others ...string) []string {
	for _, s := range c.Shards {
		if s.Name == shard && len(s.Regions) > 0 {
			return s.Regions
		}
	}
	if len(c.Regions) == 0 {
		return others
	}
	return c.Regions
}

// Local reports whether this is a configuration of one machine, which may name loopback
// addresses over http.
func (c *Config) Local() bool { return c.local }

// Size returns how many bytes the documents have together.
func (c *Config) Size() int { return c.size }

// Every returns how often the job runs.
func (c *Config) Every(job report.Job) time.Duration {
	if job == report.Metrics {
		return c.Schedule.Metrics
	}
	return c.Schedule.HealthCheck
}

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of the document. It is generated
// from the types of this package, so it names every key, with its description,
// default and example. The caller must not change it.
func Schema() []byte { return schema }
