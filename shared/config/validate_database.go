package config

import (
	"fmt"
	"reflect"

	"github.com/pongwatch/pongwatch/shared/text"
)

// database checks one entry and gives it what it inherits.
func (d *decoder) database(i int) {
	c, db := d.config, &d.config.Databases[i]
	path := fmt.Sprintf("databases[%d]", i)
	name := db.Name
	if !validName(name) {
		name = fmt.Sprintf("database-%d", i+1)
	}
	db.Name = name
	if db.Home == "" {
		db.Home = c.homeOf(db.Shard)
	}
	if db.Plan == "" {
		db.Plan = PlanCustom
	}
	if plan := planOf(db.Plan); plan != nil {
		db.Limits = db.Limits.fill(plan.Limits)
	}
	db.Thresholds.Latency.fill()
	d.in(scope{database: name}, func() {
		d.regions(path, db.Home, c.RegionsOf(db.Shard))
		d.access(path, db)
		d.apps(path, db)
		if db.Plan == PlanCustom && db.Limits.Memory == 0 {
			d.report(path+".limits.memory", "is missing, which a custom plan needs", "256MB")
		}
		if !reflect.DeepEqual(db.Checks, c.Checks) {
			d.checks(path, db.Checks)
		}
		if !reflect.DeepEqual(db.Thresholds, c.Thresholds) {
			d.thresholds(path+".thresholds", &db.Thresholds)
		}
	})
}

// homeOf returns the home region of a shard; empty where no region is configured.
func (c *Config) homeOf(shard string) string {
	for _, s := range c.Shards {
		if s.Name == shard && s.Home != "" {
			return s.Home
		}
	}
	regions := c.RegionsOf(shard)
	for _, r := range regions {
		if r == c.Home {
			return r
		}
	}
	if len(regions) > 0 {
		return regions[0]
	}
	return c.Home
}

// access checks how the database is reached, as far as no secret must be read for it.
func (d *decoder) access(path string, db *Database) {
	own := db.URL.IsSet() || db.Token.IsSet()
	if !own && d.config.Bundle.IsSet() {
		return
	}
	// Where a key is bad, the decoder has said what is wrong and left it out.
	badURL, badToken := d.bad[path+".url"], d.bad[path+".token"]
	db.missingURL = !db.URL.IsSet() && !badURL
	switch {
	case badURL:
	case db.missingURL && db.Mock:
		return // a state to report, not a mistake
	case db.missingURL:
		_, p := checkURL("", d.local)
		d.pasted(path, p)
	case !db.URL.IsReference():
		_, p := checkURL(db.URL.value.Reveal(), d.local)
		d.pasted(path, p)
	}
	switch {
	case badToken:
	case !db.Token.IsSet() && !d.config.Bundle.IsSet():
		d.pasted(path, checkToken(""))
	case db.Token.IsSet() && !db.Token.IsReference():
		d.pasted(path, checkToken(db.Token.value.Reveal()))
	}
}

// pasted reports what a check of URL or token found.
func (d *decoder) pasted(path string, p *Problem) {
	if p != nil {
		d.reportAs(p.Cause, path+"."+p.Key, p.What, p.Example)
	}
}

func (d *decoder) apps(path string, db *Database) {
	seen := map[string]bool{}
	for i, app := range db.Apps {
		at := fmt.Sprintf("%s.app[%d]", path, i)
		if _, ok := d.places[at]; !ok { // a single one without a list
			at = path + ".app"
		}
		if seen[app.Service] {
			d.report(at+".service", "is given to two apps of this database", "worker")
		}
		seen[app.Service] = true
		if app.HealthURL == "" && app.CloudRun == "" && !d.bad[at+".health_url"] && !d.bad[at+".cloud_run"] {
			d.report(at, "wants health_url or cloud_run", "health_url: https://app.example.com/api/v1/health/redis")
		}
		if app.Proof && (app.HealthURL == "" || !d.config.ProofKey.IsSet()) {
			d.report(at+".proof", "needs health_url here and proof_key in the document", "proof_key: sm://projects/my-project/secrets/pongwatch-proof-key")
		}
		if every := d.config.Schedule.Metrics; app.Proof && app.ProofEvery%every != 0 {
			d.report(at+".proof_every", fmt.Sprintf("is %s, want a multiple of schedule.metrics, which is %s", text.Short(app.ProofEvery), text.Short(every)), text.Short(3*every))
		}
	}
}

// databases checks the list as a whole.
func (d *decoder) databases() {
	c := d.config
	if len(c.Databases) == 0 {
		d.report("databases", "is empty, so there is nothing to watch", "[{name: prod-cache, url: "+urlExample+", token: sm://projects/my-project/secrets/prod-cache-token}]")
	}
	first, inShard := map[string]int{}, map[string]int{}
	kept := c.Databases[:0:0]
	for i, db := range c.Databases {
		if j, ok := first[db.Name]; ok {
			// Neither can be trusted to be the one that is meant.
			d.in(scope{database: db.Name}, func() {
				d.report(fmt.Sprintf("databases[%d].name", i), fmt.Sprintf("is the name of databases[%d] too", j), db.Name+"-2")
			})
			continue
		}
		first[db.Name] = i
		kept = append(kept, db)
		if inShard[db.Shard]++; inShard[db.Shard] == MaxDatabases+1 {
			d.report(fmt.Sprintf("databases[%d].shard", i), fmt.Sprintf("is %s, which already has %d databases", db.Shard, MaxDatabases), "shard: main-2")
		}
	}
	c.Databases = kept
}

// distribute lists each problem at its database or receiver too.
func (d *decoder) distribute() {
	for _, p := range d.problems {
		if db := d.config.Database(p.Database); db != nil {
			db.Problems = append(db.Problems, p)
		}
		if r := d.config.Receiver(p.Receiver); r != nil {
			r.Problems = append(r.Problems, p)
		}
	}
	d.config.Problems = d.problems
}
