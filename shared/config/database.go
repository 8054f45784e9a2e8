package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config/document"
	"github.com/pongwatch/pongwatch/shared/report"
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
	// Whether the database is meant to drop keys when it is full: `on`, as for a cache, or `off`, as for sessions and queues. Given, it is compared with the Upstash account.
	Eviction string `yaml:"eviction" enum:"on,off" example:"off"`
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
	Budget budget `yaml:"budget"`
	// The share of pings that should be good, in place of the document's.
	Objective float64 `yaml:"objective" min:"0.5" max:"0.99999" example:"0.999"`

	// Problems are what is wrong with this database's entry, and with what no entry has. One
	// that stops leaves the database unwatched.
	Problems Problems `yaml:"-" json:"-"`

	// missingURL is set where neither the entry nor a bundle can hold a URL.
	missingURL bool
}

// Limits are a plan's limits. In the document 0 takes the plan's; once that is done, it
// is without limit, or unknown.
type Limits struct {
	// The most data it may hold (Upstash's max_data_size).
	Memory document.Bytes `yaml:"memory" min:"0" example:"256MB"`
	// The most commands a month.
	Commands int64 `yaml:"commands" min:"0" example:"500000"`
	// The most traffic a month.
	Bandwidth document.Bytes `yaml:"bandwidth" min:"0" example:"10GB"`
	// The most commands a second before Upstash slows them down.
	CommandsPerSecond int `yaml:"commands_per_second" min:"0" example:"10000"`
	// The largest request or reply.
	Request document.Bytes `yaml:"request" min:"0" example:"10MB"`
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
	// Whether the app lets pongwatch test its rate limiter: on a signed request it makes three hits above a limit of one, and answers how many
	// were allowed. Needs `proof_key`.
	Limiter bool `yaml:"limiter" example:"true"`
	// How often the limiter is tested.
	LimiterEvery time.Duration `yaml:"limiter_every" min:"1s" max:"24h" example:"1h"`
	// The Cloud Run service whose deployed environment is read: the names of its variables and the value of MOCK_REDIS. With `changes` and
	// `impact` its latest deployment and its requests are read as well. Nothing else is.
	CloudRun string `yaml:"cloud_run" pattern:"cloud_run" example:"projects/my-project/locations/us-east4/services/backend"`
	// The names of the variables in that environment of which one holds the app's REST URL. Without any of them the app runs on
	// a mock. Where this is not given, pongwatch knows the usual names, and takes their absence for no proof.
	URLVariables []string `yaml:"url_variables" single:"true" pattern:"variable" example:"[CACHE_REST_URL]"`
	// The Vercel project that runs it, for the commands in messages.
	Vercel string `yaml:"vercel" pattern:"name" example:"backend"`
	// Whether messages say what users of `cloud_run` notice: its errors and latencies during an incident, from Cloud Monitoring.
	Impact bool `yaml:"impact" example:"true"`
	// Where a health page of another shape names what the app uses, and by which words.
	Match *Match `yaml:"match" example:"{path: $.cache.driver, connected: [upstash], mock: [memory]}"`
}

// Match reads a health page that pongwatch does not understand by itself. Where its path
// finds something, nothing else of the page is read.
type Match struct {
	// A JSONPath (RFC 9535) to the value.
	Path string `yaml:"path" required:"true" pattern:"jsonpath" example:"$.cache.driver"`
	// The values that mean the real Redis, in any case.
	Connected []string `yaml:"connected" required:"true" single:"true" example:"[upstash]"`
	// The values that mean a mock. A name such as fakeredis or ioredis-mock means one in any case.
	Mock []string `yaml:"mock" single:"true" example:"[memory]"`
}

// budget bounds the commands that pongwatch itself may use.
type budget struct {
	// The largest share of the plan's monthly commands. A configuration that needs more is refused.
	Share float64 `yaml:"share" min:"0.001" max:"1" example:"0.07"`
	// The most commands a month on a plan without a quota.
	Commands int64 `yaml:"commands" min:"1" example:"35000"`
	// Accept a configuration that needs more than its budget.
	Override bool `yaml:"override" example:"false"`
	// The share of the quota from which checks that cost commands stop.
	StopAt float64 `yaml:"stop_at" min:"0.01" max:"1" example:"0.95"`
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

// check gives an entry what it inherits.
func (d *Database) check(v *validator, path string, _ any) {
	d.Name = v.Scope.Database
	d.Shard = cmp.Or(d.Shard, DefaultShard)
	home := v.config.homeOf(d.Shard)
	d.Home = cmp.Or(v.home(path+".home", cmp.Or(d.Home, home), v.config.RegionsOf(d.Shard)), home)
	d.Limits = d.Limits.fill(PlanOf(d.Plan).Limits)
	d.Thresholds.Latency.fill()
	d.reach(v, path)
	seen, kept := map[string]bool{}, d.Apps[:0]
	for i, app := range d.Apps {
		if seen[app.Service] {
			v.Report(fmt.Sprintf("%s.app[%d].service", path, i), "is given to two apps of this database", "worker")
		} else {
			kept = append(kept, app)
		}
		seen[app.Service] = true
	}
	d.Apps = kept
	if d.Plan == planCustom && d.Limits.Memory == 0 && !v.Bad(path+".limits.memory") {
		v.Report(path+".limits.memory", "is missing, which a custom plan needs", "256MB")
	}
}

// homeOf returns the home region of a shard; empty where no region is configured.
func (c *Config) homeOf(shard string) string {
	for _, s := range c.Shards {
		if s.Name == shard && s.Home != "" {
			return s.Home
		}
	}
	regions := c.RegionsOf(shard)
	if len(regions) == 0 || slices.Contains(regions, c.Home) {
		return c.Home
	}
	return regions[0]
}

// reach checks how the database is reached, as far as no secret must be read for it.
// Where a key is bad, the decoder has said what is wrong and left it out.
func (d *Database) reach(v *validator, path string) {
	bundled := len(v.config.Bundles) > 0
	if bundled && !d.URL.IsSet() && !d.Token.IsSet() {
		return
	}
	if v.Bad("credentials") && !d.Token.IsSet() && !v.Given(path+".token") {
		v.Report(path+".token", "is not given, and credentials, which would hold it, has a problem", "sm://projects/my-project/secrets/prod-cache-token")
		return
	}
	badURL := v.Bad(path + ".url")
	d.missingURL = !d.URL.IsSet() && !badURL
	if d.missingURL && d.Mock {
		return // a state to report, not a mistake
	}
	pasted := func(p *Problem) {
		if p != nil {
			v.Report(path+"."+p.Key, p.What, p.Example).Cause = p.Cause
		}
	}
	if !badURL && !d.URL.IsReference() {
		address, p := checkURL(d.URL.value.Reveal(), v.config.local)
		pasted(p)
		if u, err := url.Parse(address); err == nil && u.Port() != "" && u.Port() != "443" && strings.HasSuffix(strings.ToLower(u.Hostname()), ".upstash.io") {
			v.Notice(path+".url", "names port "+u.Port()+", and Upstash's REST URL has none; 6379 is for Redis' TCP protocol", urlExample)
		}
	}
	if !v.Bad(path+".token") && !d.Token.IsReference() && (d.Token.IsSet() || !bundled) {
		pasted(checkToken(d.Token.value.Reveal()))
	}
}

func (a *App) check(v *validator, path string, _ any) {
	badPage := v.Bad(path + ".health_url")
	if a.HealthURL == "" && a.CloudRun == "" && !badPage && !v.Bad(path+".cloud_run") {
		v.Report(path, "wants health_url or cloud_run", "health_url: https://app.example.com/api/v1/health/redis")
	}
	if v.BadUnder(path + ".match") {
		a.Match = nil
	}
	if a.Match != nil && a.HealthURL == "" && !badPage {
		v.Report(path+".match", "needs health_url, whose page it reads", "health_url: https://app.example.com/health")
	}
	// pongwatch signs the requests of both.
	signed := func(key string, on *bool, interval *time.Duration) {
		if *on && (a.HealthURL == "" || !v.config.ProofKey.IsSet()) {
			v.Report(path+key, "needs health_url here and proof_key in the document", "proof_key: sm://projects/my-project/secrets/pongwatch-proof-key")
			*on = false
		}
		v.multiple(path+key+"_every", interval, report.Metrics, *on)
	}
	signed(".proof", &a.Proof, &a.ProofEvery)
	signed(".limiter", &a.Limiter, &a.LimiterEvery)
	if a.Impact && a.CloudRun == "" {
		v.Report(path+".impact", "needs cloud_run, whose requests are counted", "cloud_run: projects/my-project/locations/us-east4/services/backend")
		a.Impact = false
	}
}

// databases checks the list as a whole.
func (v *validator) databases() {
	c := v.config
	if len(c.Databases) == 0 {
		v.Report("databases", "is empty, so there is nothing to watch", "[{name: prod-cache, url: "+urlExample+", token: sm://projects/my-project/secrets/prod-cache-token}]")
	}
	first, inShard := map[string]int{}, map[string]int{}
	bundled := 0 // bytes
	kept := c.Databases[:0]
	for i, db := range c.Databases {
		if j, ok := first[db.Name]; ok {
			// Neither can be trusted to be the one that is meant.
			v.In(document.Scope{Database: db.Name}, func() {
				v.Report(fmt.Sprintf("databases[%d].name", i), fmt.Sprintf("is the name of databases[%d] too", j), db.Name+"-2")
			})
			continue
		}
		first[db.Name] = i
		kept = append(kept, db)
		if !db.Token.IsSet() {
			bundled += len(db.Name) + shortestEntry
		}
		if inShard[db.Shard]++; inShard[db.Shard] == maxDatabases+1 {
			p := v.Report(fmt.Sprintf("databases[%d].shard", i), fmt.Sprintf("is %s, which already has %d databases", db.Shard, maxDatabases), "shard: main-2")
			p.Fatal, p.Cause = true, cause.MonitorConfig
		}
	}
	c.Databases = kept
	if want := (bundled + maxSecret - 1) / maxSecret; len(c.Bundles) > 0 && c.Bundles[0].IsReference() && want > len(c.Bundles) {
		v.Report("credentials", fmt.Sprintf("has too few secrets for the tokens of its databases: a secret holds 64 KiB, want at least %d", want),
			"[sm://projects/my-project/secrets/pongwatch-databases, sm://projects/my-project/secrets/pongwatch-databases-2]")
	}
}
