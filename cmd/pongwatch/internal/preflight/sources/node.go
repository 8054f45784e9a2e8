package sources

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/goccy/go-yaml"
)

// Node is JavaScript. 1.28.0 is the first client with all commands of streams.
var Node = Ecosystem{
	Client: "@upstash/redis", others: []string{"redis", "ioredis", "@redis/client"}, carriers: []string{"@vercel/kv"},
	Floor: semver.MustParse("1.28.0"), Install: "npm install @upstash/redis@latest",
	normal: func(name string) string { return name },
	// The library reads a hyphen range behind a blank only.
	ranged: func(requirement string) string { return strings.ReplaceAll(requirement, "||", " || ") },
	decoder: func(file string) decoder {
		if base := strings.ToLower(path.Base(file)); strings.HasPrefix(base, "dockerfile") || strings.HasPrefix(base, "containerfile") {
			return containerFile
		}
		return map[string]decoder{
			"package.json": packageJSON, "package-lock.json": packageLock, "npm-shrinkwrap.json": packageLock,
			"yarn.lock": yarnLock, "pnpm-lock.yaml": pnpmLock, "bun.lock": bunLock, "bun.lockb": unreadable("only Bun reads it; make bun.lock by: bun install --save-text-lockfile"),
			"deno.json": denoJSON, "deno.jsonc": denoJSON, "jsr.json": denoJSON, "import_map.json": denoJSON, "deno.lock": denoLock,
			"package.yaml": unreadable(byHand), "package.json5": unreadable(byHand), "vlt-lock.json": unreadable(byHand),
		}[path.Base(file)]
	},
}

const byHand = "its format is not known here"

// foreign says why a format is not read.
type foreign string

func (f foreign) Error() string { return string(f) }

// unreadable is a format that only its own program reads.
func unreadable(why string) decoder { return func(*scan) error { return foreign(why) } }

// requirements are names with their ranges.
type requirements map[string]string

// catalogs are named ranges, as pnpm, Bun and Yarn have them.
type catalogs struct {
	Catalog  requirements
	Catalogs map[string]requirements
}

// manifest is a package.json.
type manifest struct {
	Dependencies         requirements
	DevDependencies      requirements
	OptionalDependencies requirements
	PeerDependencies     requirements
	PeerDependenciesMeta map[string]struct{ Optional bool }
	Overrides            map[string]any
	Resolutions          requirements
	Pnpm                 struct{ Overrides requirements }
	Workspaces           json.RawMessage // a list, or Bun's object with catalogs
	catalogs
}

// nodeSettings are what one file sets for the manifests of its folder and below.
type nodeSettings struct {
	catalogs  map[string][]catalogs // by folder
	overrides []override
}

type override struct {
	dir, name, wants string
	selective        bool // for some versions only
}

// readNodeSettings reads what manifests refer to, before any of them.
func (s *scan) readNodeSettings() {
	s.node.catalogs = map[string][]catalogs{}
	for _, name := range s.Files {
		if OfTests(name) {
			continue
		}
		keep := func(c catalogs) { s.node.catalogs[path.Dir(name)] = append(s.node.catalogs[path.Dir(name)], c) }
		switch path.Base(name) {
		case "pnpm-workspace.yaml", ".yarnrc.yml":
			s.read(name, func(s *scan) error {
				var f struct {
					Catalog   requirements
					Catalogs  map[string]requirements
					Overrides requirements
				}
				if err := yaml.Unmarshal(s.data, &f); err != nil {
					return err
				}
				keep(catalogs{f.Catalog, f.Catalogs})
				for key, wants := range f.Overrides {
					s.override(key, wants, false)
				}
				return nil
			}, false)
		case "package.json":
			var f manifest
			if data, err := s.Tree.read(name); err != nil || json.Unmarshal(data, &f) != nil {
				continue // packageJSON reports it
			}
			keep(f.catalogs)
			var bun catalogs
			if json.Unmarshal(f.Workspaces, &bun) == nil {
				keep(bun)
			}
		}
	}
}

// parentMark is pnpm's mark between a parent and its child, and no operator of a range.
var parentMark = regexp.MustCompile(`[^ |@]>`)

// override keeps what replaces the requirements of a package. Below a parent, it is a
// copy of its own.
func (s *scan) override(key string, value any, nested bool) {
	if table, ok := value.(map[string]any); ok {
		for sub, v := range table {
			if sub == "." {
				s.override(key, v, nested)
			} else {
				s.override(sub, v, true)
			}
		}
		return
	}
	name := key
	if i := parentMark.FindStringIndex(name); i != nil {
		name, nested = name[i[1]:], true
	}
	o := override{dir: path.Dir(s.file)}
	if at := strings.LastIndex(name, "@"); at > 0 && name[at-1] != '/' {
		name, o.selective = name[:at], true
	}
	parts := strings.Split(strings.TrimPrefix(name, "**/"), "/")
	own := 1
	if len(parts) > 1 && strings.HasPrefix(parts[len(parts)-2], "@") {
		own = 2
	}
	name = strings.Join(parts[len(parts)-own:], "/")
	wants := fmt.Sprint(value)
	if strings.HasPrefix(wants, "$") {
		return // the version of the direct dependency
	}
	if o.name, o.wants = s.specifier(name, wants); nested || len(parts) > own {
		s.add(mention{name: o.name, wants: o.wants}, `"`+key+`"`)
		return
	}
	o.name = name
	s.node.overrides = append(s.node.overrides, o)
}

// override replaces what a manifest asks for.
func (n nodeSettings) override(m *mention) {
	for _, o := range n.overrides {
		if _, below := relative(o.dir, path.Dir(m.file)); m.locked || o.name != m.name || !below {
			continue
		}
		if o.selective {
			o.wants = m.wants + " || " + o.wants
		}
		m.wants = o.wants
	}
}

var (
	aliased = regexp.MustCompile(`^npm:/?((?:@[^/@]+/)?[A-Za-z][^/@]*)(?:@([^/]*))?`)
	patched = regexp.MustCompile(`^patch:.+@npm(?:%3A|:)([^#]+)#`)
)

// specifier returns the package that a dependency of that name installs, and its range.
func (s *scan) specifier(name, wants string) (string, string) {
	if of, ok := strings.CutPrefix(wants, "catalog:"); ok {
		wants = s.catalog(strings.TrimSpace(of), name)
	}
	if m := aliased.FindStringSubmatch(wants); m != nil {
		return m[1], m[2]
	}
	if m := patched.FindStringSubmatch(wants); m != nil {
		return name, m[1]
	}
	if _, tags, ok := strings.Cut(wants, "#semver:"); ok {
		return name, tags
	}
	wants = strings.TrimPrefix(wants, "npm:")
	if strings.ContainsAny(wants, ":/#") {
		return name, address
	}
	return name, wants
}

// catalog returns an entry of a catalog, from the nearest folder above that has one.
func (s *scan) catalog(catalog, name string) string {
	for dir := path.Dir(s.file); ; dir = path.Dir(dir) {
		for _, c := range s.node.catalogs[dir] {
			if wants, ok := c.Catalogs[catalog][name]; ok {
				return wants
			}
			if wants, ok := c.Catalogs["default"][name]; ok && catalog == "" {
				return wants
			}
			if wants, ok := c.Catalog[name]; ok && (catalog == "" || catalog == "default") {
				return wants
			}
		}
		if dir == "." {
			return "a catalog:"
		}
	}
}

func packageJSON(s *scan) error {
	var f manifest
	if err := json.Unmarshal(s.data, &f); err != nil {
		return err
	}
	for _, section := range []struct {
		key   string
		names requirements
	}{
		{"dependencies", f.Dependencies},
		{"devDependencies", f.DevDependencies},
		{"optionalDependencies", f.OptionalDependencies},
		{"peerDependencies", f.PeerDependencies},
	} {
		for name, wants := range section.names {
			m := mention{aside: section.key == "devDependencies"}
			m.name, m.wants = s.specifier(name, wants)
			_, optional := f.OptionalDependencies[name]
			if optional && section.key == "dependencies" {
				continue // the optional entry overrides it
			}
			if section.key == "peerDependencies" {
				if f.Dependencies[name] != "" || f.DevDependencies[name] != "" || optional || f.PeerDependenciesMeta[name].Optional {
					continue
				}
				m.wants = "peer " + m.wants // who installs it, and which, is not said
			}
			s.add(m, `"`+section.key+`"`, `"`+name+`"`)
		}
	}
	for key, value := range f.Overrides {
		s.override(key, value, false)
	}
	for _, replaced := range []requirements{f.Resolutions, f.Pnpm.Overrides} {
		for key, wants := range replaced {
			s.override(key, wants, false)
		}
	}
	return nil
}

// denoJSON reads the imports of deno.json and of import maps.
func denoJSON(s *scan) error {
	var f struct{ Imports requirements }
	if err := json.Unmarshal(jsonc(s.data), &f); err != nil {
		return err
	}
	for key, wants := range f.Imports {
		m := mention{name: key, wants: address}
		if strings.HasPrefix(wants, "npm:") {
			m.name, m.wants = s.specifier(key, wants)
		} else if strings.Contains(wants, s.Client) || strings.Contains(wants, "upstash_redis") {
			m.name = s.Client
		}
		s.add(m, `"`+key+`"`)
	}
	return nil
}

// specified is a module of the client as Deno's sources name it, without a manifest.
var specified = regexp.MustCompile(`\b(?:from|import)\s*\(?\s*["'](npm:/?@upstash/redis[^"']*|(?:https|jsr):[^"']*(?:@upstash/redis|upstash_redis)[^"']*)["']`)

// readSpecifiers reads the versions that sources themselves import.
func (s *scan) readSpecifiers() {
	s.Each(func(name string) bool {
		return !hidden.MatchString(name) && slices.Contains([]string{".js", ".jsx", ".mjs", ".ts", ".tsx", ".mts"}, path.Ext(name))
	}, func(name string, data []byte) {
		s.file, s.data = name, Code(name, data)
		for _, m := range specified.FindAllSubmatch(s.data, -1) {
			_, wants := s.specifier(s.Client, string(m[1]))
			s.add(mention{name: s.Client, wants: wants}, string(m[1]))
		}
	})
}

// resolved adds a version of a lock file. What is no number is a commit or a folder.
func (s *scan) resolved(m mention, marks ...string) {
	if m.locked = true; m.wants == "" || !strings.ContainsAny(m.wants[:1], "0123456789") || strings.ContainsAny(m.wants, ":/#") {
		m.wants = address
	}
	s.add(m, marks...)
}

func packageLock(s *scan) error {
	type entry struct {
		Name, Version, Resolved string
		Dev                     bool
		Dependencies            map[string]json.RawMessage
	}
	var f struct {
		Packages     map[string]entry // by folder
		Dependencies map[string]json.RawMessage
	}
	if err := json.Unmarshal(s.data, &f); err != nil {
		return err
	}
	scope := []string{"."}
	for folder := range f.Packages {
		if !strings.Contains(folder, "node_modules/") {
			scope = append(scope, folder)
		}
	}
	add := func(key, name string, e entry) {
		m := mention{name: name, wants: e.Version, aside: e.Dev, scope: scope}
		if strings.HasPrefix(e.Resolved, "git") {
			m.wants = address
		}
		s.resolved(m, `"`+key+`"`, `"version"`)
	}
	for folder, e := range f.Packages {
		if at := strings.LastIndex(folder, "node_modules/"); at >= 0 {
			add(folder, cmp.Or(e.Name, folder[at+len("node_modules/"):]), e)
		}
	}
	if len(f.Packages) > 0 {
		return nil
	}
	// Version 1 nests copies, and gives an alias as the version.
	var walk func(map[string]json.RawMessage) error
	walk = func(all map[string]json.RawMessage) error {
		for key, raw := range all {
			var e entry
			if err := json.Unmarshal(raw, &e); err != nil {
				return err
			}
			name := key
			if m := aliased.FindStringSubmatch(e.Version); m != nil {
				name, e.Version = m[1], m[2]
			}
			add(key, name, e)
			if err := walk(e.Dependencies); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(f.Dependencies)
}
