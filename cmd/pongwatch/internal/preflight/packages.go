package preflight

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// ecosystem is a language's packages: how they are declared, named and compared.
type ecosystem struct {
	client  string   // Upstash's
	others  []string // clients of the TCP protocol
	floor   *semver.Version
	install string // the command that installs client
	normal  func(name string) string
	// decoder returns what reads a manifest or lock file of that name, nil for other files.
	decoder func(file string) decoder
	// ranged returns a requirement as a range of npm.
	ranged func(requirement string) string
}

// decoder adds what the scan's file says.
type decoder func(s *scan) error

// verdict is what is known of a version. Only a version that is known is older or newer
// than the floor; absent packages have no mention at all.
type verdict int

const (
	untold verdict = iota // the package is there, its version cannot be told
	older
	newer
)

var versionText = regexp.MustCompile(`\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?`)

// judge compares a requirement with the floor. It tries the range on the least and the
// newest version, the floor, and what lies at and above each version that it names:
// between those, it allows all or none.
func (e ecosystem) judge(requirement string) verdict {
	text := e.ranged(requirement)
	allowed, err := semver.NewConstraint(text)
	if err != nil {
		return untold // a tag, an address, a workspace
	}
	tried := []*semver.Version{e.floor, semver.New(0, 0, 0, "", ""), semver.New(1<<40, 0, 0, "", "")}
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
			below, above = below || v.LessThan(e.floor), above || !v.LessThan(e.floor)
		}
	}
	switch {
	case below && !above:
		return older
	case above && !below:
		return newer
	}
	return untold
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
	// overridden says that the manifest itself replaces the requirement.
	overridden bool
	place
}

// address is the requirement of a commit, an archive or a folder: none is a version.
const address = "from an address"

func (m mention) String() string {
	if m.wants == "" {
		return fmt.Sprintf("%s at %s", m.name, m.place)
	}
	return fmt.Sprintf("%s %s at %s", m.name, m.wants, m.place)
}

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

// scan is what the manifests and lock files of a tree say of the clients.
type scan struct {
	*tree
	ecosystem

	found  []mention
	unread []string

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
func (t *tree) scan(e ecosystem) *scan {
	if s := t.scans[e.client]; s != nil {
		return s
	}
	s := &scan{tree: t, ecosystem: e, visited: map[string]bool{}, constraints: map[string][]mention{}}
	t.scans[e.client] = s
	var names []string
	for _, name := range t.files {
		if !ofTests(name) && e.decoder(name) != nil {
			names = append(names, name)
		}
	}
	if e.client == node.client {
		s.readNodeSettings()
	}
	// A file that others include is read for production first.
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(min(1, len(development.FindString(path.Base(a)))), min(1, len(development.FindString(path.Base(b)))))
	})
	for _, name := range names {
		s.read(name, e.decoder(name), development.MatchString(path.Base(name)))
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
	if s.data, err = s.tree.read(name); err == nil && decode(s) != nil {
		err = errUndecoded
	}
	if err != nil {
		s.unread = append(s.unread, s.unreadable(name, err))
	}
}

// add keeps a mention of a client. Its line is that of the last mark: each is looked for
// behind the one before.
func (s *scan) add(m mention, marks ...string) {
	if m.name = s.normal(m.name); m.name != s.client && !slices.Contains(s.others, m.name) {
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
	for _, name := range append([]string{s.client}, s.others[0]) {
		s.add(mention{name: name, wants: "as a program decides", possible: true}, name)
	}
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

// client returns the mentions of Upstash's client that count in production, or those beside
// it where there are no others.
func (s *scan) clients() (mine []mention, aside bool) {
	var beside []mention
	for _, m := range s.found {
		switch {
		case m.name != s.client:
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

// judgeFloor judges all mentions of Upstash's client. What is bundled is taken from what
// is for development as well.
func (s *scan) judgeFloor(bundled bool) Finding {
	mine, aside := s.clients()
	var evidence []string
	verdicts := map[verdict]string{}
	for _, m := range mine {
		text := s.show(m)
		evidence = append(evidence, text)
		v := s.judge(m.wants)
		if v == older && m.conditional && slices.ContainsFunc(mine, func(other mention) bool {
			return other.file == m.file && s.judge(other.wants) == newer
		}) {
			v = untold // which of them applies, the marker decides
		}
		decided := !m.locked && (v != older || m.overridden) && slices.ContainsFunc(mine, func(by mention) bool { return by.covers(m) })
		if !decided && verdicts[v] == "" {
			verdicts[v] = text
		}
	}
	floor := s.floor.String()
	steps := []string{"Run: " + s.install, "Deploy again, and commit the lock file."}
	switch {
	case verdicts[older] != "":
		return fail("it is older than "+floor, verdicts[older], steps...)
	case len(s.unread) > 0:
		return cannotTell(s.unread)
	case len(mine) == 0:
		return fail(s.client+" is not among the dependencies", "no mention in a manifest or lock file", steps...)
	case verdicts[untold] != "":
		return warn("it may be older than "+floor+": nothing pins it", joined(evidence), steps...)
	case aside && !bundled:
		return warn("production may not install it: it is for development, or optional", joined(evidence), steps...)
	}
	return pass("%s", joined(evidence))
}

// show describes a mention by the path as it was named.
func (s *scan) show(m mention) string {
	m.place = s.at(m.file, m.line)
	return m.String()
}

// backendPackage takes an app without Python for one that is written for Node.
func backendPackage(_ *run, trees []*tree) Finding {
	s := trees[0].scan(python)
	if len(s.found) == 0 {
		if onNode := trees[0].scan(node); len(onNode.found) > 0 {
			both := *onNode
			both.unread = slices.Concat(s.unread, onNode.unread)
			return both.judgeFloor(false)
		}
	}
	return s.judgeFloor(false)
}

func frontendPackage(_ *run, trees []*tree) Finding {
	return trees[0].scan(node).judgeFloor(true)
}

// conflictingPackage looks for a second client of the same language, where production has
// both.
func conflictingPackage(_ *run, trees []*tree) Finding {
	var both, unread []string
	for _, t := range trees {
		for _, e := range []ecosystem{python, node} {
			s := t.scan(e)
			unread = append(unread, s.unread...)
			mine, aside := s.clients()
			for _, other := range e.others {
				i := slices.IndexFunc(s.found, func(m mention) bool { return m.name == other && (aside || !m.aside) })
				switch {
				case i < 0 || len(mine) == 0:
				case s.found[i].possible:
					unread = append(unread, s.show(s.found[i]))
				default:
					both = append(both, s.show(s.found[i]))
				}
			}
		}
	}
	switch {
	case len(both) > 0:
		return warn("two Redis clients are installed", joined(both),
			"Remove the one for the TCP protocol, or make sure that nothing imports it in place of Upstash's.",
			"Where something else needs it (Celery, for one), note that here and sign.")
	case len(unread) > 0:
		return cannotTell(unread)
	}
	return pass("one client only")
}

func joined(evidence []string) string { return strings.Join(evidence, "; ") }
