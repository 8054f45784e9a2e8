package sources

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/semver/v3"
	"github.com/goccy/go-yaml"
)

// Python has 0.15.0 as the first client with today's API. Conda calls redis redis-py.
var Python = Ecosystem{
	Client: "upstash-redis", others: []string{"redis", "aioredis", "redis-py"}, carriers: []string{"upstash-ratelimit"},
	Floor: semver.MustParse("0.15.0"), Install: "pip install 'upstash-redis>=0.15.0'",
	// PEP 503 compares names so.
	normal: func(name string) string {
		return separators.ReplaceAllString(strings.ToLower(strings.TrimSpace(name)), "-")
	},
	ranged: pythonRange,
	decoder: func(file string) decoder {
		base := strings.ToLower(path.Base(file))
		if d := map[string]decoder{
			"pyproject.toml": pyproject, "poetry.lock": tomlLock, "uv.lock": tomlLock, "pdm.lock": tomlLock, "pipfile": pipfile, "pipfile.lock": pipfileLock,
			"setup.cfg": setupCFG, "setup.py": setupPY,
			"pixi.toml": unreadable(byHand), "pixi.lock": unreadable(byHand), "conda-lock.yml": unreadable(byHand),
		}[base]; d != nil {
			return d
		}
		switch ext := path.Ext(base); {
		case strings.HasPrefix(base, "environment") && (ext == ".yml" || ext == ".yaml"):
			return condaYAML
		case strings.HasPrefix(base, "dockerfile"), strings.HasPrefix(base, "containerfile"):
			return containerFile
		case strings.HasPrefix(base, "pylock.") && ext == ".toml":
			return tomlLock
		case (ext == ".txt" || ext == ".in" || ext == ".lock") && (strings.Contains(base, "requirements") || path.Base(path.Dir(file)) == "requirements"):
			return requirementsTXT
		}
		return nil
	},
}

var (
	separators = regexp.MustCompile(`[-_.]+`)
	// development is the name of a file or group that production does not install.
	development = regexp.MustCompile(`(?i)(?:^|[-_./])(?:dev|develop|development|tests?|testing|lint|docs?|ci|typing)(?:$|[-_./])`)
	// requirement is a name, its extras, and the rest.
	requirement = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?\s*([=<>!~(@;^*].*)?$`)
	clause      = regexp.MustCompile(`^(\^|~=|~|===|==|>=|<=|!=|>|<|=)?\s*v?(?:(\d+)!)?(\d+(?:\.\d+)*)(\.\*)?(?:[-_.]?(a|b|c|rc|alpha|beta|pre|preview|dev|post|rev|r)[-_.]?(\d*))?(?:[-_.]?(?:post|dev|rev|r)[-_.]?\d*)*(?:-\d+)?(?:\+[\w.]+)?$`)
	wheel       = regexp.MustCompile(`(?:^|/)([A-Za-z0-9_.]+)-(\d[^-/]*)-[^/]*\.whl(?:#.*)?$`)
	// elsewhere is a marker that does not hold on Linux, where production runs.
	elsewhere = regexp.MustCompile(`^\(?(?:sys_platform|platform_system|os_name)\s*(?:==\s*['"](?i:win32|windows|nt|darwin|cygwin)|!=\s*['"](?i:linux|posix))['"]\)?$`)
	joints    = regexp.MustCompile(`\s+([<>=!~^])`)
)

// pythonRange writes a requirement of pip or Poetry, such as "==1.2.3", ">=1,<2", "^1.2" and
// "~=1.2", as the range of npm that allows the same releases. Alone, a version is exact.
func pythonRange(requirement string) string {
	var alternatives []string
	for alternative := range strings.SplitSeq(requirement, "||") {
		all := []string{"*"}
		for text := range strings.SplitSeq(joints.ReplaceAllString(alternative, ",$1"), ",") {
			if text = strings.TrimSpace(text); text == "" || text == "*" {
				continue
			}
			m := clause.FindStringSubmatch(strings.ToLower(text))
			if m == nil {
				return "not a version: " + text
			}
			operator, version, segments := m[1], m[3], strings.Split(m[3], ".")
			if m[2] != "" && m[2] != "0" {
				segments[0] = "1000000" // an epoch comes after all that have none
				version = strings.Join(segments, ".")
			}
			if len(segments) > 3 {
				version = strings.Join(segments[:3], ".")
			}
			switch {
			case m[4] != "":
				if operator = strings.Trim(operator, "="); operator == "!" {
					operator = "!="
				}
				if len(segments) < 3 {
					version += ".x"
				}
			case operator == "~=":
				last := max(0, len(segments)-2)
				next, _ := strconv.Atoi(segments[last]) // one that is too large allows nothing
				all = append(all, "<"+padded(append(slices.Clone(segments[:last]), strconv.Itoa(next+1))))
				operator, version = ">=", padded(segments)
			case operator != "^" && operator != "~": // an incomplete version ends in zeros
				operator, version = strings.Replace(operator, "==", "", 1), padded(segments)
			}
			all = append(all, operator+version+prerelease(m[5], m[6]))
		}
		alternatives = append(alternatives, strings.Join(all, ", "))
	}
	return strings.Join(alternatives, " || ")
}

func padded(segments []string) string {
	return strings.Join(append(slices.Clone(segments), "0", "0")[:3], ".")
}

// prerelease writes PEP 440's suffix in the order of Semantic Versioning. Post-releases
// are taken for their release.
func prerelease(kind, number string) string {
	switch kind {
	case "", "post", "rev", "r":
		return ""
	case "dev":
		return "-0." + number // before every letter
	case "alpha":
		kind = "a"
	case "beta":
		kind = "b"
	case "c", "pre", "preview":
		kind = "rc"
	}
	return "-" + kind + "." + strings.TrimLeft(number, "0") + "0"
}

// require adds a requirement as PEP 508 writes it, and the clients that its extras
// install. It reports whether the text is one.
func (s *scan) require(text string, m mention, marks ...string) bool {
	text, _, _ = strings.Cut(text, " --") // options, such as hashes
	if w := wheel.FindStringSubmatch(text); w != nil {
		m.name, m.wants = w[1], "=="+w[2]
		s.add(m, marks...)
		return true
	}
	parts := requirement.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return false
	}
	wants, marker, _ := strings.Cut(parts[3], ";")
	marker = strings.TrimSpace(marker)
	if !strings.Contains(marker, " or ") && slices.ContainsFunc(strings.Split(marker, " and "), elsewhere.MatchString) {
		return true
	}
	m.name, m.wants = parts[1], strings.TrimSpace(strings.Trim(strings.TrimSpace(wants), "()"))
	m.conditional = m.conditional || marker != ""
	m.aside = m.aside || strings.Contains(marker, "extra")
	if strings.HasPrefix(m.wants, "@") {
		m.wants = address
	}
	s.addWithExtras(m, strings.Split(parts[2], ","), marks...)
	return true
}

// addWithExtras adds a package, and the other client where an extra of its name installs it.
func (s *scan) addWithExtras(m mention, extras []string, marks ...string) {
	s.add(m, marks...)
	for _, extra := range extras {
		if extra = s.normal(extra); slices.Contains(s.others, extra) && s.normal(m.name) != s.Client {
			by := m
			by.name, by.wants = extra, "by "+m.name+"["+extra+"]"
			s.add(by, marks...)
		}
	}
}

// requirementsTXT reads pip's lines; options and paths name no package.
func requirementsTXT(s *scan) error {
	text, start := "", 0
	for n, line := range strings.Split(string(s.data), "\n") {
		line = strings.TrimRight(line, "\r")
		if text == "" {
			start = n + 1
		}
		if more, ok := strings.CutSuffix(line, `\`); ok && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			text += more + " "
			continue
		}
		if err := s.pipLine(text+line, start); err != nil {
			return err
		}
		text = ""
	}
	return s.pipLine(text, start)
}

var (
	pipComment = regexp.MustCompile(`(^|\s)#.*$`)
	pipOption  = regexp.MustCompile(`^(-r|--requirement|-c|--constraint|-e|--editable)(?:\s*=\s*|\s*)(\S.*)$`)
	egg        = regexp.MustCompile(`#(?:.*&)?egg=([A-Za-z0-9._-]+)`)
)

// pipLine reads one logical line.
func (s *scan) pipLine(text string, line int) error {
	text = strings.TrimSpace(pipComment.ReplaceAllString(text, ""))
	m := mention{place: place{line: line}}
	option := pipOption.FindStringSubmatch(text)
	switch {
	case text == "":
	case option != nil && strings.Trim(option[1], "-")[0] == 'r':
		s.include(option[2])
	case option != nil && strings.Trim(option[1], "-")[0] == 'c':
		s.constrain(option[2])
	case egg.MatchString(text):
		m.name, m.wants = egg.FindStringSubmatch(text)[1], address
		s.add(m)
	case strings.Contains(text, "://") && strings.Contains(text, "upstash/redis") && !strings.Contains(text, " @ "):
		s.add(mention{name: s.Client, wants: address, place: m.place}) // its name stands in the repository
	case strings.HasPrefix(text, "-"):
	case s.require(text, m):
		s.pin()
	case !strings.ContainsAny(text, "/"):
		return errUndecoded
	}
	return nil
}

var exact = regexp.MustCompile(`^===?\s*\d[^*,]*$`)

// pin takes an exact requirement for what is installed, because pip installs that or
// nothing.
func (s *scan) pin() {
	if last := len(s.found) - 1; last >= 0 && s.found[last].file == s.file && exact.MatchString(s.found[last].wants) {
		s.found[last].locked, s.found[last].scope = true, []string{"."}
	}
}

// named returns a file that the current one names by its relative path.
func (s *scan) named(name string) (target string, ok bool) {
	target = path.Join(path.Dir(s.file), strings.ReplaceAll(name, `\`, "/"))
	return target, !strings.Contains(name, "://") && slices.Contains(s.Files, target)
}

// include reads requirements that another file names. A file that is read by its own name
// anyway is left to that.
func (s *scan) include(name string) {
	switch target, ok := s.named(name); {
	case !ok:
		s.unread = append(s.unread, s.unreadable(s.file, errIncluded))
	case !s.visited[target] && s.decoder(target) == nil:
		s.visited[target] = true
		s.read(target, requirementsTXT, s.side)
	}
}

// constrain reads a file that limits the versions of what a folder requires, and requires
// nothing itself. Without it, a range that is not pinned stays one.
func (s *scan) constrain(name string) {
	target, ok := s.named(name)
	if !ok || s.visited["-c "+target] {
		return
	}
	s.visited["-c "+target] = true
	dir, found := home(s.file), s.found
	s.found = nil
	s.read(target, requirementsTXT, s.side)
	s.constraints[dir] = append(s.constraints[dir], s.found...)
	s.found = found
}

var condaSpec = regexp.MustCompile(`^(?:[^:\s]+::)?([A-Za-z0-9._-]+)\s*(.*)$`)

// condaYAML reads conda's specifications, and pip's in the section of that name.
func condaYAML(s *scan) error {
	var f struct{ Dependencies []any }
	if err := yaml.Unmarshal(s.data, &f); err != nil {
		return err
	}
	for _, d := range f.Dependencies {
		if table, ok := d.(map[string]any); ok {
			lines, _ := table["pip"].([]any)
			for _, line := range lines {
				text, _ := line.(string)
				before, _, _ := strings.Cut(string(s.data), text)
				if err := s.pipLine(text, 1+strings.Count(before, "\n")); err != nil {
					return err
				}
			}
			continue
		}
		text, _ := d.(string)
		if m := condaSpec.FindStringSubmatch(text); m != nil && m[1] != "redis" { // conda's redis is the server
			wants := m[2]
			if fuzzy, ok := strings.CutPrefix(wants, "="); ok && !strings.HasPrefix(fuzzy, "=") {
				version, _, built := strings.Cut(strings.TrimSpace(fuzzy), "=")
				if wants = "==" + version; !built && !strings.HasSuffix(version, "*") {
					wants += ".*"
				}
			}
			s.add(mention{name: m[1], wants: wants}, text)
		}
	}
	return nil
}

// inline is the metadata that a script itself holds, by PEP 723.
var inline = regexp.MustCompile(`(?m)^# /// script[ \t]*\r?\n((?:#(?: .*)?\r?\n)+?)# ///[ \t]*\r?$`)

// readScripts reads the requirements that scripts state for themselves.
func (s *scan) readScripts() {
	s.Each(func(name string) bool { return path.Ext(name) == ".py" && !hidden.MatchString(name) }, func(name string, data []byte) {
		m := inline.FindSubmatch(data)
		if m == nil {
			return
		}
		var f struct{ Dependencies []string }
		if err := toml.Unmarshal(hashes.ReplaceAll(m[1], nil), &f); err != nil {
			s.unread = append(s.unread, s.unreadable(name, errUndecoded))
		}
		s.file, s.data = name, data
		for _, text := range f.Dependencies {
			s.require(text, mention{}, "dependencies", text)
		}
	})
}

var hashes = regexp.MustCompile(`(?m)^# ?`)
