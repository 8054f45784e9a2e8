package sources

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// pyproject reads the tables of PEP 621, PEP 735, setuptools, Poetry, uv and PDM.
func pyproject(s *scan) error {
	type poetry map[string]any
	var f struct {
		Project struct {
			Dependencies []string
			Optional     map[string][]string `toml:"optional-dependencies"`
			Dynamic      []string
		}
		Groups map[string][]any `toml:"dependency-groups"`
		Tool   struct {
			Setuptools struct {
				Dynamic struct{ Dependencies struct{ File any } }
			}
			Poetry struct {
				Dependencies poetry
				Dev          poetry `toml:"dev-dependencies"`
				Group        map[string]struct {
					Optional     bool
					Dependencies poetry
				}
			}
			UV struct {
				Dev     []string `toml:"dev-dependencies"`
				Sources map[string]any
			}
			PDM struct {
				Dev map[string][]string `toml:"dev-dependencies"`
			}
		}
	}
	if err := toml.Unmarshal(s.data, &f); err != nil {
		return err
	}
	tool := f.Tool
	list := func(m mention, key string, requirements []string) {
		for _, text := range requirements {
			s.require(text, m, key, text)
		}
	}
	began := len(s.found)
	list(mention{}, "[project]", f.Project.Dependencies)
	for name, source := range tool.UV.Sources {
		for i := range s.found[began:] {
			if m := &s.found[began+i]; m.name == s.normal(name) && remote(source) {
				m.wants = address
			}
		}
	}
	for key, requirements := range f.Project.Optional {
		list(mention{aside: true}, key, requirements)
	}
	for key, group := range f.Groups {
		for _, item := range group {
			if text, ok := item.(string); ok {
				list(mention{aside: true}, key, []string{text})
			}
		}
	}
	list(mention{aside: true}, "dev-dependencies", tool.UV.Dev)
	for key, requirements := range tool.PDM.Dev {
		list(mention{aside: true}, key, requirements)
	}
	// Poetry 2 adds sources and groups to what stands in [project].
	declared := slices.Clone(s.found[began:])
	s.tables("[tool.poetry", tool.Poetry.Dependencies, mention{}, declared)
	s.tables("[tool.poetry.dev-dependencies", tool.Poetry.Dev, mention{aside: true}, nil)
	for name, group := range tool.Poetry.Group {
		s.tables("[tool.poetry.group."+name, group.Dependencies, mention{aside: group.Optional || development.MatchString(name)}, nil)
	}
	var other struct{ Tool map[string]any }
	if err := toml.Unmarshal(s.data, &other); err != nil {
		return err
	}
	for name, table := range other.Tool {
		if !slices.Contains([]string{"setuptools", "poetry", "uv", "pdm"}, name) {
			s.foreignTable("[tool."+name, table)
		}
	}
	if !slices.Contains(f.Project.Dynamic, "dependencies") {
		return nil
	}
	dir := path.Dir(s.file)
	switch file := tool.Setuptools.Dynamic.Dependencies.File.(type) {
	case string:
		s.include(file)
	case []any:
		for _, name := range file {
			text, _ := name.(string)
			s.include(text)
		}
	default:
		if len(tool.Poetry.Dependencies) == 0 && !slices.Contains(s.Files, path.Join(dir, "setup.cfg")) {
			s.program()
		}
	}
	return nil
}

// foreignTable finds the client in a table of another tool, such as Hatch, Rye and pixi. What
// that tool does with it is not known.
func (s *scan) foreignTable(mark string, value any) {
	name := ""
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			s.foreignTable(mark, key)
			s.foreignTable(mark, v)
		}
	case []any:
		for _, v := range value {
			s.foreignTable(mark, v)
		}
	case string:
		if parts := requirement.FindStringSubmatch(value); parts != nil {
			name = parts[1]
		}
	}
	if s.normal(name) == s.Client {
		s.add(mention{name: name, wants: "by a tool's own table", aside: true}, mark, name)
	}
}

// remote reports whether a table names a repository, an archive or a folder.
func remote(table any) bool {
	t, ok := table.(map[string]any)
	if list, isList := table.([]any); isList {
		return slices.ContainsFunc(list, remote)
	}
	return ok && slices.ContainsFunc([]string{"git", "url", "path", "file", "hg", "svn", "workspace"}, func(key string) bool { return t[key] != nil })
}

// tables adds requirements as Poetry and Pipenv write them: a version, a table with one, or
// a list of tables for different environments. A table without a version adds to what is
// declared.
func (s *scan) tables(section string, all map[string]any, m mention, declared []mention) {
	for name, value := range all {
		variants, several := value.([]any)
		if tables, ok := value.([]map[string]any); ok {
			several = true
			for _, table := range tables {
				variants = append(variants, table)
			}
		}
		if !several {
			variants = []any{value}
		}
		for _, variant := range variants {
			m := m
			m.name = name
			m.conditional = several
			var extras []string
			m.wants, _ = variant.(string)
			if table, ok := variant.(map[string]any); ok {
				version, versioned := table["version"].(string)
				if !versioned && !remote(table) && slices.ContainsFunc(declared, func(d mention) bool { return d.name == s.normal(name) }) {
					continue
				}
				if m.wants = version; remote(table) {
					m.wants = address
				}
				optional, _ := table["optional"].(bool)
				m.aside = m.aside || optional
				list, _ := table["extras"].([]any)
				for _, extra := range list {
					text, _ := extra.(string)
					extras = append(extras, text)
				}
			}
			s.addWithExtras(m, extras, section, name)
		}
	}
}

// pipfile reads Pipenv's categories; packages is the one that production installs.
func pipfile(s *scan) error {
	var f map[string]any
	if err := toml.Unmarshal(s.data, &f); err != nil {
		return err
	}
	for category, value := range f {
		if table, ok := value.(map[string]any); ok && !slices.Contains([]string{"requires", "pipenv", "scripts"}, category) {
			s.tables("["+category+"]", table, mention{aside: category != "packages"}, nil)
		}
	}
	return nil
}

func pipfileLock(s *scan) error {
	var f map[string]map[string]json.RawMessage
	if err := json.Unmarshal(s.data, &f); err != nil {
		return err
	}
	for category, packages := range f {
		if category == "_meta" {
			continue
		}
		for name, raw := range packages {
			var p struct{ Version string }
			if err := json.Unmarshal(raw, &p); err != nil {
				return err
			}
			m := mention{name: name, wants: strings.TrimPrefix(p.Version, "=="), aside: category != "default", scope: []string{"."}}
			s.resolved(m, `"`+category+`"`, `"`+name+`"`, `"version"`)
		}
	}
	return nil
}

// tomlLock reads the lock files of Poetry, uv and PDM, and pylock.toml.
func tomlLock(s *scan) error {
	type locked struct {
		Name, Version, Category, Marker, Git string
		Groups                               []string
		Optional                             bool
		Source, VCS, Directory, Archive      map[string]any
	}
	var f struct{ Package, Packages []locked }
	if err := toml.Unmarshal(s.data, &f); err != nil {
		return err
	}
	for _, p := range slices.Concat(f.Package, f.Packages) {
		uv := path.Base(s.file) == "uv.lock"
		m := mention{name: p.Name, wants: p.Version, inherits: uv}
		if !uv {
			m.scope = []string{"."}
		}
		kind, _ := p.Source["type"].(string)
		if p.VCS != nil || p.Directory != nil || p.Archive != nil || p.Git != "" || kind == "git" || kind == "directory" || kind == "file" || kind == "url" ||
			p.Source["git"] != nil || p.Source["path"] != nil || p.Source["directory"] != nil || p.Source["url"] != nil && kind == "" && uv {
			m.wants = ""
		}
		production := len(p.Groups) == 0 || slices.ContainsFunc(p.Groups, func(g string) bool { return !development.MatchString(g) })
		m.aside = !production || p.Optional || p.Category == "dev" || strings.Contains(p.Marker, "dependency_groups") || strings.Contains(p.Marker, "extras")
		m.conditional = p.Marker != ""
		s.resolved(m, `name = "`+p.Name+`"`, `"`+p.Version+`"`)
	}
	return nil
}

var section = regexp.MustCompile(`^\[([^\]]+)\]`)

// setupCFG reads install_requires, a list of lines or after file: the name of one.
func setupCFG(s *scan) error {
	in, key := "", ""
	for n, line := range strings.Split(string(s.data), "\n") {
		text := strings.TrimSpace(line)
		switch m := section.FindStringSubmatch(text); {
		case text == "" || strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";"):
			continue
		case m != nil && line[0] == '[':
			in, key = m[1], ""
			continue
		case line[0] != ' ' && line[0] != '\t':
			name, value, _ := strings.Cut(text, "=")
			key, text = strings.TrimSpace(name), strings.TrimSpace(value)
		}
		extra := in == "options.extras_require"
		if !extra && (in != "options" || key != "install_requires") {
			continue
		}
		if files, ok := strings.CutPrefix(text, "file:"); ok {
			for name := range strings.SplitSeq(files, ",") {
				s.include(strings.TrimSpace(name))
			}
			continue
		}
		parts := []string{text} // with a marker
		if !strings.ContainsAny(text, `"'`) {
			parts = strings.Split(text, ";")
		}
		for _, one := range parts {
			s.require(one, mention{aside: extra, place: place{line: n + 1}})
		}
	}
	return nil
}

// setupPY cannot tell what a program requires when it runs, only whether it does.
func setupPY(s *scan) error {
	if strings.Contains(string(Code(s.file, s.data)), "install_requires") {
		s.program()
	}
	return nil
}
