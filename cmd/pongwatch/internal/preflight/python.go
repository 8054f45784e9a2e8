package preflight

import (
	"context"
	"path"
	"regexp"
	"strings"
)

// The least versions of the customer's checklist. 0.15.0 is the first with today's
// API, 1.28.0 the first with all commands of streams.
var (
	pythonFloor = version{0, 15, 0}
	nodeFloor   = version{1, 28, 0}
)

const (
	pythonClient = "upstash-redis"
	nodeClient   = "@upstash/redis"
)

var (
	requirementLine = regexp.MustCompile(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*([^;#]*)`)
	quoted          = regexp.MustCompile(`["']([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*([^"';]*)`)
	poetryLine      = regexp.MustCompile(`^\s*"?([A-Za-z0-9][A-Za-z0-9._-]*)"?\s*=\s*(?:["']([^"']*)["']|\{.*?version\s*=\s*["']([^"']*)["'])`)
	separators      = regexp.MustCompile(`[-_.]+`)
	tomlValue       = regexp.MustCompile(`^(name|version)\s*=\s*"([^"]*)"`)
)

// normal is a Python package's name as the index compares it (PEP 503).
func normal(name string) string {
	return separators.ReplaceAllString(strings.ToLower(name), "-")
}

func relevantPython(name string) bool {
	switch normal(name) {
	case pythonClient, "redis", "aioredis":
		return true
	}
	return false
}

// pythonDependencies finds the clients in every manifest and lock file.
func (t *tree) pythonDependencies() []dependency {
	var out []dependency
	for _, name := range t.files {
		base := strings.ToLower(path.Base(name))
		switch {
		case strings.HasPrefix(base, "requirements") && strings.HasSuffix(base, ".txt"), strings.HasSuffix(path.Dir(name), "requirements") && strings.HasSuffix(base, ".txt"):
			out = append(out, t.requirements(name)...)
		case base == "pyproject.toml":
			out = append(out, t.pyproject(name)...)
		case base == "poetry.lock", base == "uv.lock":
			out = append(out, t.tomlLock(name)...)
		}
	}
	return out
}

func (t *tree) requirements(name string) []dependency {
	var out []dependency
	for n, line := range t.lines(name) {
		m := requirementLine.FindStringSubmatch(line)
		if m == nil || !relevantPython(m[1]) {
			continue
		}
		out = append(out, dependency{name: normal(m[1]), requirement: strings.TrimSpace(m[2]), direct: true, place: t.at(name, n)})
	}
	return out
}

// pyproject reads both forms: quoted requirements in arrays, and Poetry's tables.
func (t *tree) pyproject(name string) []dependency {
	var out []dependency
	section, array := "", false
	add := func(n int, pkg, requirement string) {
		if relevantPython(pkg) {
			out = append(out, dependency{name: normal(pkg), requirement: strings.TrimSpace(requirement), direct: true, place: t.at(name, n)})
		}
	}
	for n, line := range t.lines(name) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "#") {
			continue
		}
		if !array && strings.HasPrefix(trimmed, "[") {
			section = strings.Trim(trimmed, "[] ")
			continue
		}
		poetry := strings.HasPrefix(section, "tool.poetry") && strings.HasSuffix(section, "dependencies")
		if m := poetryLine.FindStringSubmatch(line); poetry && m != nil {
			add(n, m[1], m[2]+m[3])
			continue
		}
		key, value, isKey := strings.Cut(trimmed, "=")
		if !array && isKey && strings.HasPrefix(strings.TrimSpace(value), "[") {
			key = strings.Trim(key, "\" ")
			array = key == "dependencies" || strings.Contains(section, "dependenc") || strings.HasSuffix(key, "dependencies")
			trimmed = value
		}
		if !array {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(trimmed, -1) {
			add(n, m[1], m[2])
		}
		if strings.HasSuffix(strings.TrimRight(trimmed, ", "), "]") {
			array = false
		}
	}
	return out
}

// tomlLock reads the packages of poetry.lock and uv.lock.
func (t *tree) tomlLock(name string) []dependency {
	var out []dependency
	pkg, inPackage := "", false
	for n, line := range t.lines(name) {
		if strings.HasPrefix(line, "[") {
			pkg, inPackage = "", strings.HasPrefix(line, "[[package]]")
			continue
		}
		m := tomlValue.FindStringSubmatch(line)
		switch {
		case m == nil || !inPackage:
		case m[1] == "name":
			pkg = m[2]
		case relevantPython(pkg):
			out = append(out, dependency{name: normal(pkg), requirement: m[2], locked: true, place: t.at(name, n)})
		}
	}
	return out
}

func backendPackage(_ context.Context, r *run) Finding {
	t, problem := sources(r.Backend, "--backend", "backend")
	if problem != nil {
		return *problem
	}
	found := t.pythonDependencies()
	if node := t.nodeDependencies(); len(found) == 0 && mentions(node, nodeClient) {
		return judgeFloor(node, nodeClient, nodeFloor, "npm install @upstash/redis@latest")
	}
	return judgeFloor(found, pythonClient, pythonFloor, "pip install 'upstash-redis>=0.15.0'")
}

func mentions(found []dependency, name string) bool {
	for _, d := range found {
		if d.name == name {
			return true
		}
	}
	return false
}

// conflictingPackage looks for a second client of the same language.
func conflictingPackage(_ context.Context, r *run) Finding {
	trees, problem := r.both()
	if problem != nil {
		return *problem
	}
	var both []string
	for _, part := range []string{"backend", "frontend"} {
		t := trees[part]
		if t == nil {
			continue
		}
		for _, language := range []struct {
			found  []dependency
			ours   string
			others []string
		}{
			{t.pythonDependencies(), pythonClient, []string{"redis", "aioredis"}},
			{t.nodeDependencies(), nodeClient, []string{"redis", "ioredis"}},
		} {
			if !mentions(language.found, language.ours) {
				continue
			}
			for _, other := range language.others {
				for _, d := range language.found {
					if d.name == other {
						both = append(both, d.describe())
						break
					}
				}
			}
		}
	}
	if len(both) > 0 {
		return warn("two Redis clients are installed", strings.Join(both, "; "),
			"Remove the one for the TCP protocol, or make sure that nothing imports it in place of Upstash's.",
			"Where something else needs it (Celery, for one), note that here and sign.")
	}
	return pass("one client only")
}

// shadows are the names that an import of a client would find first.
var shadows = []string{"redis", "upstash_redis"}

// shadowing looks for modules of a client's name where Python looks first: in any
// folder that is not itself part of a package.
func shadowing(_ context.Context, r *run) Finding {
	t, problem := sources(r.Backend, "--backend", "backend")
	if problem != nil {
		return *problem
	}
	var found []string
	for _, dir := range t.dirs {
		if t.has(path.Join(dir, "__init__.py")) {
			continue
		}
		for _, name := range shadows {
			for _, candidate := range []string{name + ".py", name + "/__init__.py"} {
				if file := path.Join(dir, candidate); t.has(file) {
					found = append(found, t.at(file, 1).String())
				}
			}
		}
	}
	if len(found) > 0 {
		return fail("a local module hides the client of its name", strings.Join(found, ", "),
			"Rename it, to redis_client.py for one, and delete its __pycache__.",
			`Confirm: python -c "import upstash_redis; print(upstash_redis.__file__)"`)
	}
	return pass("no redis.py, redis/, upstash_redis.py or upstash_redis/")
}
