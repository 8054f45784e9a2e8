package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/config/document"
)

// Problem is one thing that is wrong with the configuration, and Problems are all of them.
type (
	Problem  = document.Problem
	Problems = document.Problems
)

// Document is one text to parse, and the name by which problems call it.
type Document = document.Source

// Parse parses documents, YAML or JSON, merges them and fills in every default. It
// returns every problem that it finds, in document order. The configuration is nil
// if one of them is fatal; otherwise each of the others affects one database or
// receiver, which stays listed with it, and everything else works.
//
// Local accepts secrets in plain text and http:// addresses of this machine.
func Parse(local bool, documents ...Document) (*Config, Problems) {
	tree, problems := document.Read(documents...)
	if tree == nil {
		return nil, problems
	}
	return decode(tree, local, nil, problems)
}

// validator decodes the document and checks what no single key can tell.
type validator struct {
	document.Decoder
	config *Config
}

func newValidator(c *Config) *validator {
	v := &validator{config: c}
	v.Check = func(pattern, text string) string { return patterns[pattern].check(text, c.local) }
	v.Prefill, v.Plain = c.prefill, c.local
	return v
}

// decode makes a configuration of a merged tree. A problem with a key that a variable
// set, by the key's path without indexes, is the variable's.
func decode(tree *document.Node, local bool, variables map[string]string, problems Problems) (*Config, Problems) {
	c := Default()
	c.local = local
	v := newValidator(c)
	// Databases and routes inherit from the rest.
	rest, heirs := tree.Split("databases", "routes")
	v.Decode(rest, c)
	c.follow(v.Given)
	v.Decode(heirs, c)
	v.validate()
	problems = append(problems, v.Problems...)
	if variables != nil {
		index := regexp.MustCompile(`\[\d+\]`)
		for i, p := range problems {
			if variable, ok := variables[index.ReplaceAllString(p.Key, "")]; ok {
				problems[i].Key = variable
			}
			problems[i].Line, problems[i].Column = 0, 0
		}
	}
	problems.Sort()
	if problems.Fatal() != nil {
		return nil, problems
	}
	for _, p := range problems {
		if db := c.Database(p.Database); db != nil {
			db.Problems = append(db.Problems, p)
		}
		if r := c.Receiver(p.Receiver); r != nil {
			r.Problems = append(r.Problems, p)
		}
	}
	c.Problems = problems
	return c, problems
}

// validate checks what no single key can tell, and gives every entry what it
// inherits. The decoder has already said what is wrong with single keys.
func (v *validator) validate() {
	c := v.config
	v.regions("", c.Home, c.Regions)
	v.checks("", c.Checks)
	v.thresholds("thresholds", &c.Thresholds)
	c.Thresholds.Latency.fill()
	v.alerting()
	v.shards()
	for i := range c.Databases {
		v.database(i)
	}
	v.databases()
	for i := range c.Receivers {
		v.receiver(i)
	}
	v.receivers()
	v.routes()
	v.services()
	for i := range c.Maintenance {
		v.window(fmt.Sprintf("maintenance[%d]", i), &c.Maintenance[i])
	}
	v.access()
}

func (v *validator) regions(path, home string, regions []string) {
	if home != "" && len(regions) > 0 && !slices.Contains(regions, home) {
		v.Report(path+"home", "is none of the regions "+strings.Join(regions, ", "), regions[0])
	}
}

func (v *validator) shards() {
	seen := map[string]bool{}
	for i, s := range v.config.Shards {
		path := fmt.Sprintf("shards[%d].", i)
		if seen[s.Name] {
			v.Report(path+"name", "is given to two shards", "")
		}
		seen[s.Name] = true
		v.regions(path, s.Home, v.config.RegionsOf(s.Name))
	}
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
