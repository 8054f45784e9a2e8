package preflight

import (
	"path"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/semver/v3"
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
	pythonFloor = semver.MustParse("0.15.0")
	separators  = regexp.MustCompile(`[-_.]+`)
	// requirement is a name, its extras, and versions up to a marker, a hash or a comment.
	requirement = regexp.MustCompile(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(.*?)\s*(?:;|#|\\| --|$)`)
	clause      = regexp.MustCompile(`^(\^|~=|~|===|==|>=|<=|!=|>|<|=)?\s*v?(\d+(?:\.\d+)*)(\.\*)?([.+-]?[A-Za-z][\w.+-]*)?$`)
)

// judgePython reads a requirement as pip and Poetry write it: "==1.2.3", ">=1,<2",
// "^1.2", "~=1.2". Alone, a version is exact. It is judged as the range of npm that allows
// the same releases.
func judgePython(requirement string, floor *semver.Version) reach {
	var alternatives []string
	for alternative := range strings.SplitSeq(requirement, "||") {
		all := []string{"*"}
		for text := range strings.SplitSeq(alternative, ",") {
			if text = strings.TrimSpace(text); text == "" || text == "*" {
				continue
			}
			m := clause.FindStringSubmatch(text)
			if m == nil {
				return reachMaybe
			}
			operator, version, segments := m[1], m[2], strings.Split(m[2], ".")
			switch {
			case m[3] != "" && operator != "!=":
				operator, version = "", version+".x"
			case m[3] != "":
				version += ".x"
			case operator == "~=":
				all = append(all, strings.Join(segments[:max(1, len(segments)-1)], ".")+".x")
				operator = ">="
			case operator != "^" && operator != "~": // an incomplete version ends in zeros
				operator = strings.Replace(operator, "==", "", 1)
				version = strings.Join(append(segments, "0", "0")[:3], ".")
			}
			all = append(all, operator+version)
		}
		alternatives = append(alternatives, strings.Join(all, ", "))
	}
	return judge(strings.Join(alternatives, " || "), floor)
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
