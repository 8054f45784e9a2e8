package sources

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// splitName splits "@scope/name@rest".
func splitName(text string) (name, rest string) {
	if at := strings.Index(text[min(1, len(text)):], "@"); at >= 0 {
		return text[:at+1], text[at+2:]
	}
	return text, ""
}

var (
	// keyed5 is a key of pnpm's packages before version 6, keyed6 one since then: name and
	// version.
	keyed5 = regexp.MustCompile(`^/((?:@[^/]+/)?[^/]+)/(\d[^/_(]*)`)
	keyed6 = regexp.MustCompile(`^/?((?:@[^/@]+/)?[^/@]+)@([^(]+)`)
)

func pnpmLock(s *scan) error {
	documents := yaml.NewDecoder(bytes.NewReader(s.data))
	for {
		var f struct {
			Importers map[string]any
			Packages  map[string]struct {
				Name string
				Dev  *bool
			}
		}
		if err := documents.Decode(&f); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		scope := []string{"."}
		for folder := range f.Importers {
			scope = append(scope, folder)
		}
		for text, p := range f.Packages {
			m := mention{name: p.Name, scope: scope, inherits: p.Dev == nil, aside: p.Dev != nil && *p.Dev}
			parts := keyed5.FindStringSubmatch(text)
			if parts == nil {
				parts = keyed6.FindStringSubmatch(text)
			}
			if parts != nil && p.Name == "" { // the name is told where the key is an address
				m.name, m.wants = parts[1], parts[2]
			}
			s.resolved(m, "packages:", text)
		}
	}
}

var yarnYAML = regexp.MustCompile(`(?m)^\s+version: `)

// yarnLock reads both formats: since Yarn 2 it is YAML.
func yarnLock(s *scan) error {
	if !yarnYAML.Match(s.data) {
		return yarnClassic(s)
	}
	var f map[string]struct {
		Version    any
		Resolution string
	}
	if err := yaml.Unmarshal(s.data, &f); err != nil {
		return err
	}
	var scope []string
	for _, entry := range f {
		if _, at := splitName(entry.Resolution); strings.HasPrefix(at, "workspace:") {
			scope = append(scope, strings.TrimPrefix(at, "workspace:"))
		}
	}
	for key, entry := range f {
		name, at := splitName(cmp.Or(entry.Resolution, key))
		protocol, _, _ := strings.Cut(at, ":")
		m := mention{name: name, scope: scope, inherits: true}
		switch protocol {
		case "npm", "patch", "virtual":
			m.name, _ = s.specifier(name, at)
			m.wants = fmt.Sprint(entry.Version)
		case "workspace":
			continue
		}
		s.resolved(m, `"`+key+`"`, "version:")
	}
	return nil
}

// yarnClassic reads Yarn 1's own format: patterns, and below them indented pairs.
func yarnClassic(s *scan) error {
	var m mention
	fetched := false
	flush := func() {
		if m.name != "" {
			s.resolved(m)
		}
	}
	for n, line := range strings.Split(string(s.data), "\n") {
		line = strings.TrimRight(line, " \r")
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		value = strings.Trim(value, `"`)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, " ") && strings.HasSuffix(line, ":"):
			flush()
			pattern, _, _ := strings.Cut(strings.TrimSuffix(line, ":"), ",")
			name, wants := splitName(strings.Trim(pattern, `"`))
			m = mention{inherits: true}
			m.name, wants = s.specifier(name, wants)
			fetched = wants == address
		case !strings.HasPrefix(line, "  "):
			return errUndecoded
		case key == "version" && !strings.HasPrefix(line, "    "):
			if m.line = n + 1; !fetched {
				m.wants = value
			}
		case key == "resolved" && strings.Contains(value, ".git#"):
			m.wants = ""
		}
	}
	flush()
	return nil
}

// bunLock reads Bun's text format, whose packages are lists that begin with name@version.
func bunLock(s *scan) error {
	var f struct {
		Workspaces map[string]any
		Packages   map[string][]any
	}
	if err := json.Unmarshal(jsonc(s.data), &f); err != nil {
		return err
	}
	scope := []string{"."}
	for folder := range f.Workspaces {
		scope = append(scope, folder)
	}
	for key, list := range f.Packages {
		if len(list) > 0 {
			name, version := splitName(fmt.Sprint(list[0]))
			s.resolved(mention{name: name, wants: version, scope: scope, inherits: true}, `"packages"`, `"`+key+`"`)
		}
	}
	return nil
}

// denoLock reads name@version keys, which version 3 keeps in packages and version 2 one
// table deeper.
func denoLock(s *scan) error {
	type table map[string]json.RawMessage
	var f struct {
		Npm      table
		Packages struct{ Npm table }
	}
	if err := json.Unmarshal(s.data, &f); err != nil {
		return err
	}
	var deeper table
	_ = json.Unmarshal(f.Npm["packages"], &deeper) // absent since version 3
	for _, packages := range []table{f.Npm, f.Packages.Npm, deeper} {
		for key := range packages {
			name, version := splitName(key)
			version, _, _ = strings.Cut(version, "_") // its peers
			s.resolved(mention{name: name, wants: version, inherits: true}, `"npm"`, `"`+key+`"`)
		}
	}
	return nil
}
