package preflight

import (
	"cmp"
	"context"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
)

// manifest is what is read of package.json and package-lock.json.
type manifest struct {
	Dependencies         map[string]json.RawMessage `json:"dependencies"`
	DevDependencies      map[string]json.RawMessage `json:"devDependencies"`
	OptionalDependencies map[string]json.RawMessage `json:"optionalDependencies"`
	PeerDependencies     map[string]json.RawMessage `json:"peerDependencies"`
	// Packages has one entry for each folder of the installed tree.
	Packages map[string]lockedPackage `json:"packages"`
}

type lockedPackage struct {
	// Name is set for an alias.
	Name    string `json:"name"`
	Version string `json:"version"`
}

func relevantNode(name string) bool {
	return name == nodeClient || name == "redis" || name == "ioredis"
}

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

// nodeDependencies finds the clients in every manifest and lock file.
func (t *tree) nodeDependencies() []dependency {
	var out []dependency
	for _, name := range t.files {
		switch path.Base(name) {
		case "package.json":
			out = append(out, t.packageJSON(name)...)
		case "package-lock.json", "npm-shrinkwrap.json":
			out = append(out, t.packageLock(name)...)
		case "yarn.lock":
			out = append(out, t.yarnLock(name)...)
		case "pnpm-lock.yaml":
			out = append(out, t.pnpmLock(name)...)
		}
	}
	// Keys of an object have no order.
	slices.SortStableFunc(out, func(a, b dependency) int { return cmp.Or(strings.Compare(a.file, b.file), a.line-b.line) })
	return out
}

func (t *tree) packageJSON(name string) []dependency {
	var m manifest
	if json.Unmarshal(t.read(name), &m) != nil {
		return nil
	}
	var out []dependency
	for _, section := range []map[string]json.RawMessage{m.Dependencies, m.DevDependencies, m.OptionalDependencies, m.PeerDependencies} {
		for key, raw := range section {
			var requirement string
			if json.Unmarshal(raw, &requirement) != nil {
				continue
			}
			if pkg, wanted := alias(key, requirement); relevantNode(pkg) {
				out = append(out, dependency{name: pkg, requirement: wanted, direct: true, place: t.keyLine(name, key, "")})
			}
		}
	}
	return out
}

func (t *tree) packageLock(name string) []dependency {
	var m manifest
	if json.Unmarshal(t.read(name), &m) != nil {
		return nil
	}
	var out []dependency
	add := func(key, pkg, version string) {
		if relevantNode(pkg) && version != "" {
			out = append(out, dependency{name: pkg, requirement: version, locked: true, place: t.keyLine(name, key, "version")})
		}
	}
	for key, p := range m.Packages {
		pkg := p.Name
		if at := strings.LastIndex(key, "node_modules/"); pkg == "" && at >= 0 {
			pkg = key[at+len("node_modules/"):]
		}
		if key != "" {
			add(key, pkg, p.Version)
		}
	}
	if len(m.Packages) > 0 {
		return out
	}
	for key, raw := range m.Dependencies { // of lock files of version 1
		var p lockedPackage
		if json.Unmarshal(raw, &p) == nil {
			pkg, version := alias(key, p.Version)
			add(key, pkg, version)
		}
	}
	return out
}

// keyLine finds the line of a JSON key, or of a key inside its object.
func (t *tree) keyLine(name, key, inside string) place {
	at := 0
	for n, line := range t.lines(name) {
		line = strings.TrimSpace(line)
		switch {
		case at == 0 && strings.HasPrefix(line, `"`+key+`"`):
			if at = n; inside == "" {
				return t.at(name, n)
			}
		case at > 0 && strings.HasPrefix(line, `"`+inside+`"`):
			return t.at(name, n)
		case at > 0 && strings.HasPrefix(line, "}"):
			return t.at(name, at)
		}
	}
	return t.at(name, max(at, 1))
}

var (
	yarnHeader  = regexp.MustCompile(`^"?(?:[^@"\s]+@npm:)?(@upstash/redis|ioredis|redis)@`)
	yarnVersion = regexp.MustCompile(`^\s+version:?\s+"?([0-9][^"\s]*)`)
	pnpmPackage = regexp.MustCompile(`^\s+['"]?/?(@upstash/redis|ioredis|redis)[@/]([0-9][0-9A-Za-z.+-]*)[^:]*:`)
)

func (t *tree) yarnLock(name string) []dependency {
	var out []dependency
	pkg := ""
	for n, line := range t.lines(name) {
		if line != "" && line[0] != ' ' {
			pkg = ""
			if m := yarnHeader.FindStringSubmatch(line); m != nil {
				pkg = m[1]
			}
			continue
		}
		if m := yarnVersion.FindStringSubmatch(line); m != nil && pkg != "" {
			out = append(out, dependency{name: pkg, requirement: m[1], locked: true, place: t.at(name, n)})
		}
	}
	return out
}

func (t *tree) pnpmLock(name string) []dependency {
	var out []dependency
	for n, line := range t.lines(name) {
		if m := pnpmPackage.FindStringSubmatch(line); m != nil {
			out = append(out, dependency{name: m[1], requirement: m[2], locked: true, place: t.at(name, n)})
		}
	}
	return out
}

func frontendPackage(_ context.Context, r *run) Finding {
	t, problem := sources(r.Frontend, "--frontend", "frontend")
	if problem != nil {
		return *problem
	}
	return judgeFloor(t.nodeDependencies(), nodeClient, nodeFloor, "npm install @upstash/redis@latest")
}
