package preflight

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/goccy/go-yaml"
)

// node is JavaScript. 1.28.0 is the first client with all commands of streams.
var node = ecosystem{
	client: "@upstash/redis", others: []string{"redis", "ioredis"}, floor: nodeFloor.String(), install: "npm install @upstash/redis@latest",
	normal: func(name string) string { return name },
	reader: func(file string) func([]byte) ([]dependency, error) {
		switch path.Base(file) {
		case "package.json":
			return packageJSON
		case "package-lock.json", "npm-shrinkwrap.json":
			return packageLock
		case "yarn.lock":
			return yarnLock
		case "pnpm-lock.yaml":
			return pnpmLock
		}
		return nil
	},
	judge: func(requirement string) reach { return judge(requirement, nodeFloor) },
}

var nodeFloor = semver.MustParse("1.28.0")

// alias splits "npm:@upstash/redis@1.28.0".
func alias(name, requirement string) (string, string) {
	rest, ok := strings.CutPrefix(requirement, "npm:")
	if !ok {
		return name, requirement
	}
	if at := strings.LastIndex(rest, "@"); at > 0 {
		return rest[:at], rest[at+1:]
	}
	return rest, ""
}

func packageJSON(data []byte) ([]dependency, error) {
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(data, &sections); err != nil {
		return nil, err
	}
	var out []dependency
	for _, section := range []string{"dependencies", "devDependencies", "optionalDependencies", "peerDependencies"} {
		var requirements map[string]string
		if raw := sections[section]; raw != nil {
			if err := json.Unmarshal(raw, &requirements); err != nil {
				return nil, fmt.Errorf("%s: %w", section, err)
			}
		}
		for key, requirement := range requirements {
			name, wanted := alias(key, requirement)
			out = append(out, dependency{name: name, requirement: wanted, marks: []string{`"` + section + `"`, `"` + key + `"`}})
		}
	}
	return out, nil
}

func packageLock(data []byte) ([]dependency, error) {
	type locked struct{ Name, Version string } // Name is set for an alias
	var lock struct {
		Packages     map[string]locked // by folder
		Dependencies map[string]locked // by name, in lock files of version 1
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	var out []dependency
	add := func(key, name, version string) {
		if version != "" {
			out = append(out, dependency{name: name, requirement: version, locked: true, marks: []string{`"` + key + `"`, `"version"`}})
		}
	}
	for folder, p := range lock.Packages {
		if at := strings.LastIndex(folder, "node_modules/"); p.Name == "" && at >= 0 {
			p.Name = folder[at+len("node_modules/"):]
		}
		if folder != "" { // the app itself
			add(folder, p.Name, p.Version)
		}
	}
	if len(lock.Packages) == 0 {
		for key, p := range lock.Dependencies {
			name, version := alias(key, p.Version)
			add(key, name, version)
		}
	}
	return out, nil
}

// pnpmLock reads keys such as /@upstash/redis/1.34.3_peer, /@upstash/redis@1.34.3(peer@1)
// and @upstash/redis@1.34.3, as the lock file's version has them.
func pnpmLock(data []byte) ([]dependency, error) {
	var lock struct{ Packages map[string]any }
	if err := yaml.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	var out []dependency
	for key := range lock.Packages {
		text := strings.TrimPrefix(key, "/")
		if i := strings.IndexAny(text, "(_"); i >= 0 {
			text = text[:i]
		}
		if at := strings.LastIndexAny(text, "@/"); at > 0 {
			out = append(out, dependency{name: text[:at], requirement: text[at+1:], locked: true, marks: []string{"packages:", key}})
		}
	}
	return out, nil
}

// yarnEntry is an entry of yarn.lock, which is YAML since version 2 only.
var yarnEntry = regexp.MustCompile(`(?m)^"?((?:@[^@"\s/]+/)?[^@"\s]+)@(?:npm:((?:@[^@"\s/]+/)?[^@"\s]+)@)?[^\n]*:\r?\n\s+version:?\s+"?([0-9][^"\s]*)`)

func yarnLock(data []byte) ([]dependency, error) {
	var out []dependency
	for _, m := range yarnEntry.FindAllSubmatch(data, -1) {
		name := string(m[1])
		if len(m[2]) > 0 {
			name = string(m[2]) // an alias
		}
		out = append(out, dependency{name: name, requirement: string(m[3]), locked: true, marks: []string{string(m[0])}})
	}
	return out, nil
}
