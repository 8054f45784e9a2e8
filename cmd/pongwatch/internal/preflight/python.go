package preflight

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// python has 0.15.0 as the first client with today's API.
var python = ecosystem{
	client: "upstash-redis", others: []string{"redis", "aioredis"}, floor: pythonFloor.String(), install: "pip install 'upstash-redis>=0.15.0'",
	// PEP 503 compares names so.
	normal: func(name string) string { return separators.ReplaceAllString(strings.ToLower(name), "-") },
	reader: func(file string) func([]byte) ([]dependency, error) {
		switch base := strings.ToLower(path.Base(file)); {
		case path.Ext(base) == ".txt" && (strings.HasPrefix(base, "requirements") || strings.HasSuffix(path.Dir(file), "requirements")):
			return requirementsTXT
		case base == "pyproject.toml":
			return pyproject
		case base == "poetry.lock", base == "uv.lock":
			return tomlLock
		}
		return nil
	},
	judge: func(requirement string) reach { return judgePython(requirement, pythonFloor) },
}

var (
	pythonFloor = release{0, 15, 0}
	separators  = regexp.MustCompile(`[-_.]+`)
	// requirement is a name, its extras, and versions up to a marker, a hash or a comment.
	requirement = regexp.MustCompile(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(.*?)\s*(?:;|#|\\| --|$)`)
	clause      = regexp.MustCompile(`^(\^|~=|~|===|==|>=|<=|!=|>|<|=)?\s*v?(\d+(?:\.\d+)*)(\.\*)?([.+-]?[A-Za-z][\w.+-]*)?$`)
)

// release is the release segment of a version as PEP 440 has it: a shorter one ends in zeros.
type release []int

func (r release) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint([]int(r)), " ", "."), "[]")
}

func (r release) less(o release) bool {
	pad := func(r release) release { return append(slices.Clip(r), make(release, max(len(r), len(o))-len(r))...) }
	return slices.Compare(pad(r), pad(o)) < 0
}

// next returns the first release whose segments up to i are not those of r.
func (r release) next(i int) release {
	out := slices.Clone(r[:i+1])
	out[i]++
	return out
}

// judgePython reads a requirement as pip and Poetry write it: "==1.2.3", ">=1,<2",
// "^1.2", "~=1.2". Alone, a version is exact.
func judgePython(requirement string, floor release) reach {
	always, never := true, true
	for alternative := range strings.SplitSeq(requirement, "||") {
		var least, end release // allowed is from least until before end, where there is one
		for text := range strings.SplitSeq(alternative, ",") {
			if text = strings.TrimSpace(text); text == "" || text == "*" {
				continue
			}
			m := clause.FindStringSubmatch(text)
			if m == nil {
				return reachMaybe
			}
			var v release
			for segment := range strings.SplitSeq(m[2], ".") {
				n, err := strconv.Atoi(segment)
				if err != nil {
					return reachMaybe
				}
				v = append(v, n)
			}
			last := len(v) - 1
			low, high := v, append(slices.Clip(v), 1)
			switch m[1] {
			case "^":
				first := slices.IndexFunc(v, func(n int) bool { return n > 0 })
				if first < 0 {
					first = last
				}
				high = v.next(first)
			case "~":
				high = v.next(min(last, 1))
			case "~=":
				high = v.next(max(last-1, 0))
			case ">=", ">":
				high = nil
			case "<":
				low, high = nil, v
			case "<=":
				low = nil
			case "!=":
				low, high = nil, nil
			default:
				if m[3] != "" {
					high = v.next(last)
				}
			}
			if least.less(low) {
				least = low
			}
			if high != nil && (end == nil || high.less(end)) {
				end = high
			}
		}
		always = always && !least.less(floor)
		never = never && end != nil && !floor.less(end)
	}
	switch {
	case never:
		return reachNever
	case always:
		return reachAlways
	}
	return reachMaybe
}

// requirementsTXT reads pip's lines; options and addresses name no package.
func requirementsTXT(data []byte) ([]dependency, error) {
	var out []dependency
	for n, line := range strings.Split(string(data), "\n") {
		if m := requirement.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			out = append(out, dependency{name: m[1], requirement: m[2], place: place{line: n + 1}})
		}
	}
	return out, nil
}

// pyproject reads both forms wherever they stand: requirements in arrays (PEP 621 and
// 735, uv, PDM, Hatch), and Poetry's tables.
func pyproject(data []byte) ([]dependency, error) {
	var root map[string]any
	if err := toml.Unmarshal(data, &root); err != nil {
		return nil, err
	}
	var out []dependency
	var walk func(path, key string, value any)
	walk = func(path, key string, value any) {
		switch value := value.(type) {
		case []any:
			for _, v := range value {
				text, ok := v.(string)
				if m := requirement.FindStringSubmatch(text); ok && m != nil && strings.Contains(path, "dependenc") {
					out = append(out, dependency{name: m[1], requirement: m[2], marks: []string{key, text}})
				}
			}
		case map[string]any:
			poetry := strings.HasPrefix(path, ".tool.poetry.") && strings.HasSuffix(path, "dependencies")
			for name, v := range value {
				if !poetry {
					walk(path+"."+name, name, v)
					continue
				}
				version, _ := v.(string)
				if detailed, ok := v.(map[string]any); ok {
					version, _ = detailed["version"].(string)
				}
				out = append(out, dependency{name: name, requirement: version, marks: []string{"[tool.poetry", "\n" + name}})
			}
		}
	}
	walk("", "", root)
	return out, nil
}

func tomlLock(data []byte) ([]dependency, error) {
	var lock struct {
		Package []struct{ Name, Version string }
	}
	if err := toml.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	var out []dependency
	for _, p := range lock.Package {
		if p.Version != "" {
			out = append(out, dependency{
				name: p.Name, requirement: p.Version, locked: true, marks: []string{"\nname = \"" + p.Name + `"`, `"` + p.Version + `"`},
			})
		}
	}
	return out, nil
}
