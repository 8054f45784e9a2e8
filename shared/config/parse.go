package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/config/document"
)

// Problem is one thing that is wrong with the configuration.
type Problem = document.Problem

// Problems are all that is wrong with it.
type Problems = document.Problems

// Document is one text to parse, and the name by which problems call it.
type Document = document.Source

// Parse parses documents, YAML or JSON, merges them and fills in every default. It
// returns every problem that it finds, in document order. The configuration is nil
// if one of them is fatal. One that stops a database or receiver leaves it listed with
// it. Of every other one the key's default stands, and everything works.
//
// Local accepts secrets in plain text and http:// addresses of this machine.
func Parse(local bool, documents ...Document) (*Config, Problems) {
	tree, problems := document.Read(documents...)
	if tree == nil {
		return nil, problems
	}
	c, problems := decode(tree, local, nil, problems)
	for _, d := range documents {
		if c != nil {
			c.size += len(d.Text)
		}
	}
	return c, problems
}

// validator decodes the document and checks what no single key can tell.
type validator struct {
	document.Decoder
	config *Config
}

// checker is an object that checks what no single key of it can tell, once they are decoded. What is
// wrong gets its default, or what else the object had before. Keys are decoded in the order of the struct's
// fields, so check may read those fields of Config only that stand above its own.
type checker interface {
	check(v *validator, path string, before any)
}

func newValidator(c *Config) *validator {
	v := &validator{config: c}
	v.Check = func(pattern, text string) string { return patterns[pattern].check(text, c.local) }
	v.Done = func(path string, object, before any) {
		if object, ok := object.(checker); ok {
			object.check(v, path, before)
		}
	}
	v.Prefill, v.Plain, v.Vital = c.prefill, c.local, vital.MatchString
	return v
}

// vital matches the keys in whose place no default can stand: without databases there is
// nothing to watch, and without its name, URL or token a database cannot be reached. Nor
// is anything delivered, or a secret sent, elsewhere than a receiver's entry says.
var vital = regexp.MustCompile(`^databases(\[\d+\](\.(name|url|token))?)?$|` +
	`^receivers\[\d+\](\.name|\.slack(\.(webhook|bot_token|channel|api_url))?|\.email(\.(host|username|password|from|to))?|` +
	`\.pagerduty(\.(routing_key|url))?|\.webhook(\.(url|keys|token|username|password))?)?$`)

// decode makes a configuration of a merged tree. A problem with a key that a variable
// set, by the key's path without indexes, is the variable's.
func decode(tree *document.Tree, local bool, variables map[string]string, problems Problems) (*Config, Problems) {
	c := Default()
	c.local = local
	v := newValidator(c)
	// Databases and routes inherit from the rest.
	rest, heirs := tree.Split("databases", "routes")
	v.Decode(rest, c)
	v.follow()
	c.OnCall.Actors = v.failClosed("oncall.actors", c.OnCall.Actors)
	c.Regions = v.once("regions", c.Regions)
	c.Home = v.home("home", c.Home, c.Regions)
	c.Bundles = slices.DeleteFunc(c.Bundles, func(s Secret) bool { return !s.IsSet() })
	if slices.Contains(c.Changes, ChangesAudit) && !c.Management.Configured() && !v.BadUnder("management") {
		v.Report("changes", "has audit_log, which needs management", "management: {email: ops@example.com, api_key: sm://projects/my-project/secrets/upstash-api-key}")
		c.Changes = slices.DeleteFunc(c.Changes, func(s string) bool { return s == ChangesAudit })
	}
	v.shards()
	v.Decode(heirs, c)
	c.Thresholds.Latency.fill()
	v.databases()
	v.receivers()
	v.routes()
	v.services()
	for i, w := range c.Maintenance {
		if !w.dropped {
			v.applies(fmt.Sprintf("maintenance[%d]", i), w.Databases, w.Environments)
		}
	}
	c.Maintenance = slices.DeleteFunc(c.Maintenance, func(w window) bool { return w.dropped })
	problems = append(problems, v.Problems...)
	if variables != nil {
		index := regexp.MustCompile(`\[\d+\]`)
		for i, p := range problems {
			if variable, ok := variables[index.ReplaceAllString(p.Key, "")]; ok {
				problems[i].Key, problems[i].Example = variable, strings.Trim(p.Example, "[]") // it lists without brackets
			}
			problems[i].Line, problems[i].Column = 0, 0
		}
	}
	problems.Sort()
	if problems.Fatal() != nil {
		return nil, problems
	}
	for _, p := range problems {
		db, r := c.Database(p.Database), c.Receiver(p.Receiver)
		if db != nil {
			db.Problems = append(db.Problems, p)
		}
		if r != nil {
			r.Problems = append(r.Problems, p)
		}
		if db != nil || p.Stops || p.Notice {
			continue
		}
		for i := range c.Databases { // otherwise only the command line would show it
			c.Databases[i].Problems = append(c.Databases[i].Problems, p)
		}
	}
	c.Problems = problems
	return c, problems
}

// home returns the home region at that path, or "" for one that is none of the regions.
func (v *validator) home(path, home string, regions []string) string {
	if home != "" && len(regions) > 0 && !slices.Contains(regions, home) {
		v.Report(path, "is none of the regions "+strings.Join(regions, ", "), regions[0])
		return ""
	}
	return home
}

// once returns the list at that path without what is listed twice, which would vote and be counted twice.
func (v *validator) once(path string, list []string) []string {
	var kept []string
	for i, item := range list {
		if slices.Contains(kept, item) {
			v.Report(fmt.Sprintf("%s[%d]", path, i), "is listed twice", "")
			continue
		}
		kept = append(kept, item)
	}
	return kept
}

func (s *Shard) check(v *validator, path string, _ any) {
	s.Regions = v.once(path+".regions", s.Regions)
	regions := s.Regions
	if len(regions) == 0 {
		regions = v.config.Regions
	}
	s.Home = v.home(path+".home", s.Home, regions)
}

// shards drops a shard without a usable name of its own.
func (v *validator) shards() {
	var kept []Shard
	seen := map[string]bool{"": true}
	for i, s := range v.config.Shards {
		switch {
		case !seen[s.Name]:
			kept = append(kept, s)
		case s.Name != "":
			v.Report(fmt.Sprintf("shards[%d].name", i), "is given to two shards", "")
		}
		seen[s.Name] = true
	}
	v.config.Shards = kept
}

// services drops what maps to a database that does not exist: the signal is logged
// as unmapped, and the problem names the database.
func (v *validator) services() {
	for service, name := range v.config.Services {
		if v.config.Database(name) != nil {
			continue
		}
		delete(v.config.Services, service)
		if !validName(name) {
			name = "unknown"
		}
		example := ""
		if len(v.config.Databases) > 0 {
			example = v.config.Databases[0].Name
		}
		v.In(document.Scope{Database: name}, func() {
			v.Report("services."+document.Shown(service), "names a database that is not configured", example)
		})
	}
}
