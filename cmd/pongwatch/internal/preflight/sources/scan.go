package sources

import (
	"bytes"
	"cmp"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Ecosystem is a language's packages: how they are declared, named and compared.
type Ecosystem struct {
	Client string   // Upstash's
	others []string // clients of the TCP protocol
	// carriers are packages that install Client themselves.
	carriers []string
	Floor    *semver.Version
	Install  string // the command that installs Client
	normal   func(name string) string
	// decoder returns what reads a manifest or lock file of that name, nil for other files.
	decoder func(file string) decoder
	// ranged returns a requirement as a range of npm.
	ranged func(requirement string) string
}

// decoder adds what the scan's file says.
type decoder func(s *scan) error

// Verdict is what is known of a package: that nothing names it, that it is there and its
// version cannot be told, or a version that is older or newer than the floor.
type Verdict int

// The verdicts. The floor itself is Newer.
const (
	Absent Verdict = iota
	Untold
	Older
	Newer
)

var versionText = regexp.MustCompile(`\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?`)

// judge compares a requirement with the floor. It tries the range on the least and the
// newest version, the floor, and what lies at and above each version that it names:
// between those, it allows all or none.
func (e Ecosystem) judge(requirement string) Verdict {
	text := e.ranged(requirement)
	allowed, err := semver.NewConstraint(text)
	if err != nil {
		return Untold // a tag, an address, a workspace
	}
	tried := []*semver.Version{e.Floor, semver.New(0, 0, 0, "", ""), semver.New(1<<40, 0, 0, "", "")}
	for _, text := range versionText.FindAllString(text, -1) {
		if v, err := semver.NewVersion(text); err == nil {
			patch, minor, major := v.IncPatch(), v.IncMinor(), v.IncMajor()
			tried = append(tried, v, &patch, &minor, &major)
			if next, err := v.SetPrerelease(v.Prerelease() + ".0"); err == nil && v.Prerelease() != "" {
				tried = append(tried, &next)
			}
		}
	}
	below, above := false, false
	for _, v := range tried {
		if allowed.Check(v) {
			below, above = below || v.LessThan(e.Floor), above || !v.LessThan(e.Floor)
		}
	}
	switch {
	case below && !above:
		return Older
	case above && !below:
		return Newer
	}
	return Untold
}

// mention is what a file says of a package.
type mention struct {
	name, wants string
	// locked is a version that was resolved for the folders of scope, which are relative to
	// the file's; a nil scope is every folder below.
	locked bool
	scope  []string
	// aside is what production does not install by itself: for development, or by an extra.
	aside bool
	// inherits takes aside from the manifests, because the lock file does not tell.
	inherits bool
	// conditional has a marker. A possible mention is of a program that decides when it runs.
	conditional, possible bool
	place
}

// address is the requirement of a commit, an archive or a folder: none is a version.
const address = "from an address"

// home is the folder to which a file belongs.
func home(file string) string {
	dir := path.Dir(file)
	if path.Base(dir) == "requirements" {
		return path.Dir(dir)
	}
	return dir
}

// covers reports whether a resolved version decides over another mention.
func (m mention) covers(of mention) bool {
	if !m.locked || m.name != of.name || m.aside && !of.aside {
		return false
	}
	below, inside := relative(home(m.file), home(of.file))
	return inside && (m.scope == nil || slices.Contains(m.scope, below))
}

// relative returns a folder's path below another one.
func relative(dir, sub string) (string, bool) {
	if dir == sub {
		return ".", true
	}
	if dir == "." {
		return sub, true
	}
	return strings.CutPrefix(sub, dir+"/")
}

// hidden are the folders of tools, and of what they built.
var hidden = regexp.MustCompile(`(?:^|/)\.[^/]+/`)

// scan is what the manifests and lock files of a tree say of the clients.
type scan struct {
	*Tree
	Ecosystem

	found           []mention
	carried, unread []string

	// The file that is being read.
	file string
	data []byte
	side bool // what it says is aside

	visited map[string]bool // files that others include
	// constraints limit what the files of a folder require.
	constraints map[string][]mention
	node        nodeSettings
}

// scan reads every manifest and lock file. Those of tests do not say what production has.
func (t *Tree) scan(e Ecosystem) *scan {
	if s := t.scans[e.Client]; s != nil {
		return s
	}
	s := &scan{Tree: t, Ecosystem: e, visited: map[string]bool{}, constraints: map[string][]mention{}}
	t.scans[e.Client] = s
	if e.Client == Node.Client {
		s.readNodeSettings()
		s.readSpecifiers()
	} else {
		s.readScripts()
	}
	for _, aside := range []bool{false, true} { // what a file for production includes is for production
		for _, name := range t.Files {
			if decode := e.decoder(name); decode != nil && !OfTests(name) && !hidden.MatchString(name) && development.MatchString(path.Base(name)) == aside {
				s.read(name, decode, aside)
			}
		}
	}
	for i := range s.found {
		s.settle(&s.found[i])
	}
	slices.SortStableFunc(s.found, func(a, b mention) int {
		return cmp.Or(strings.Compare(a.file, b.file), a.line-b.line, strings.Compare(a.name, b.name))
	})
	return s
}

// read decodes a file. The decoder's own text may quote the file, and is dropped.
func (s *scan) read(name string, decode decoder, aside bool) {
	file, data, side := s.file, s.data, s.side
	defer func() { s.file, s.data, s.side = file, data, side }()
	var err error
	s.file, s.side = name, aside
	if s.data, err = s.Tree.read(name); err == nil {
		if err = decode(s); err != nil && !errors.As(err, new(foreign)) {
			err = errUndecoded
		}
	}
	if err != nil {
		s.unread = append(s.unread, s.unreadable(name, err))
	}
}

// add keeps a mention of a client. Its line is that of the last mark: each is looked for
// behind the one before.
func (s *scan) add(m mention, marks ...string) {
	m.name = s.normal(m.name)
	if slices.Contains(s.carriers, m.name) {
		s.carried = append(s.carried, "by "+m.name+" at "+path.Join(s.root, s.file))
	}
	if m.name != s.Client && !slices.Contains(s.others, m.name) {
		return
	}
	end := 0
	for _, mark := range marks {
		if i := bytes.Index(s.data[end:], []byte(mark)); i >= 0 {
			end += i + len(mark)
		}
	}
	m.aside = m.aside || s.side
	m.place = place{s.file, cmp.Or(m.line, 1+bytes.Count(s.data[:end], []byte("\n")))}
	s.found = append(s.found, m)
}

// program adds what may be required by a program that decides when it runs.
func (s *scan) program() {
	for _, name := range []string{s.Client, s.others[0]} {
		s.add(mention{name: name, wants: "as a program decides", possible: true}, name)
	}
}

// containerFile finds the client where the build of a container installs it. Which version
// that gives, only the build tells.
func containerFile(s *scan) error {
	for n, line := range strings.Split(string(s.data), "\n") {
		if text := strings.TrimSpace(line); !strings.HasPrefix(text, "#") && strings.Contains(s.normal(text), s.Client) {
			s.add(mention{name: s.Client, wants: "in a container's build", possible: true, place: place{line: n + 1}})
		}
	}
	return nil
}

// settle completes a mention by what other files say.
func (s *scan) settle(m *mention) {
	if m.inherits {
		declared := 0
		for _, other := range s.found {
			if !other.locked && m.covers(other) {
				if declared++; !other.aside {
					return
				}
			}
		}
		m.aside = declared > 0
		return
	}
	for _, c := range s.constraints[home(m.file)] {
		if c.name == m.name && !m.locked {
			m.wants += "," + c.wants
		}
	}
	s.node.override(m)
}

// clients returns the mentions of Upstash's client that count in production, or those beside
// it where there are no others.
func (s *scan) clients() (mine []mention, aside bool) {
	var beside []mention
	for _, m := range s.found {
		switch {
		case m.name != s.Client:
		case m.aside:
			beside = append(beside, m)
		default:
			mine = append(mine, m)
		}
	}
	if len(mine) == 0 {
		return beside, true
	}
	return mine, false
}

// Said is what the manifests and lock files of a tree say of Upstash's client.
type Said struct {
	Verdict Verdict
	// Evidence names the mentions that decide, with file and line.
	Evidence []string
	// Beside says that production may not install it: it is for development, or optional.
	Beside bool
	// Named is the number of mentions of any client.
	Named int
	// Unread are the files whose content is not known.
	Unread []string
}

// Said returns what is said of Upstash's client. An older version outweighs what is not
// known, and that outweighs a newer one.
func (t *Tree) Said(e Ecosystem) Said {
	s := t.scan(e)
	mine, beside := s.clients()
	said := Said{Verdict: Absent, Beside: beside, Named: len(s.found) + len(s.carried), Unread: s.unread}
	if len(mine) == 0 && len(s.carried) > 0 {
		said.Verdict, said.Evidence = Untold, []string{s.Client + " " + strings.Join(s.carried, ", ")}
	}
	for _, m := range mine {
		v := s.judge(m.wants)
		if v == Older && m.conditional && slices.ContainsFunc(mine, func(other mention) bool {
			return other.file == m.file && s.judge(other.wants) == Newer
		}) {
			v = Untold // which of them applies, the marker decides
		}
		decided := !m.locked && v != Older && slices.ContainsFunc(mine, func(by mention) bool { return by.covers(m) })
		switch text := s.show(m); {
		case v == Older && !decided && said.Verdict != Older:
			said.Verdict, said.Evidence = Older, []string{text}
		case said.Verdict == Older:
		default:
			said.Evidence = append(said.Evidence, text)
			if !decided && said.Verdict != Untold {
				said.Verdict = v
			}
		}
	}
	return said
}

// Others returns the mentions of other clients where production has both.
func (t *Tree) Others(e Ecosystem) (both, unread []string) {
	s := t.scan(e)
	unread = slices.Clone(s.unread)
	mine, beside := s.clients()
	for _, other := range e.others {
		i := slices.IndexFunc(s.found, func(m mention) bool { return m.name == other && (beside || !m.aside) })
		switch {
		case i < 0 || len(mine)+len(s.carried) == 0:
		case s.found[i].possible:
			unread = append(unread, s.show(s.found[i]))
		default:
			both = append(both, s.show(s.found[i]))
		}
	}
	return both, unread
}

// show describes a mention by the path as it was named.
func (s *scan) show(m mention) string {
	m.file = path.Join(s.root, m.file)
	return strings.TrimSuffix(m.name+" "+m.wants, " ") + " at " + m.place.String()
}
