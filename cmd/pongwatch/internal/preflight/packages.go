package preflight

import (
	"bytes"
	"cmp"
	"errors"
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
	floor   string   // the least version of client
	install string   // the command that installs it
	normal  func(name string) string
	// reader returns the func that decodes a manifest or lock file of that base name.
	reader func(file string) func(data []byte) ([]dependency, error)
	// judge compares a requirement with floor.
	judge func(requirement string) reach
}

// reach says what a requirement means for a least version.
type reach int

const (
	reachAlways reach = iota // it allows no older version
	reachMaybe               // it allows older and newer ones, or cannot be read
	reachNever               // it allows older ones only
)

var versionText = regexp.MustCompile(`\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?`)

// judge reads a range as npm writes it. It tries the range on the least and the
// newest version, the floor, and what lies at and above each version that it names:
// between those, it allows all or none.
func judge(requirement string, floor *semver.Version) reach {
	allowed, err := semver.NewConstraint(requirement)
	if err != nil {
		return reachMaybe // a tag, an address, a workspace
	}
	tried := []*semver.Version{floor, semver.New(0, 0, 0, "", ""), semver.New(1<<40, 0, 0, "", "")}
	for _, text := range versionText.FindAllString(requirement, -1) {
		if v, err := semver.NewVersion(text); err == nil {
			patch, minor, major := v.IncPatch(), v.IncMinor(), v.IncMajor()
			tried = append(tried, v, &patch, &minor, &major)
		}
	}
	older, newer := false, false
	for _, v := range tried {
		if allowed.Check(v) {
			older, newer = older || v.LessThan(floor), newer || !v.LessThan(floor)
		}
	}
	switch {
	case older && !newer:
		return reachNever
	case newer && !older:
		return reachAlways
	}
	return reachMaybe
}

// dependency is one mention of a package.
type dependency struct {
	name        string
	requirement string
	locked      bool // an exact version that was resolved
	// marks lead to the mention's line where the reader does not know it: each is looked
	// for behind the one before.
	marks []string
	place
}

func (d dependency) describe() string {
	if d.requirement == "" {
		return fmt.Sprintf("%s at %s", d.name, d.place)
	}
	return fmt.Sprintf("%s %s at %s", d.name, d.requirement, d.place)
}

// dependencies finds the clients in every manifest and lock file, and lists the files
// that cannot be decoded.
func (t *tree) dependencies(e ecosystem) (found []dependency, unread []string) {
	for _, name := range t.files {
		decode := e.reader(name)
		if decode == nil {
			continue
		}
		data, err := t.read(name)
		var all []dependency
		if err == nil {
			if all, err = decode(data); err != nil {
				err = errors.New("it cannot be decoded") // the decoder's own text may quote the file
			}
		}
		if err != nil {
			unread = append(unread, t.unreadable(name, err))
		}
		for _, d := range all {
			if d.name = e.normal(d.name); d.name != e.client && !slices.Contains(e.others, d.name) {
				continue
			}
			end := 0
			for _, mark := range d.marks {
				if i := bytes.Index(data[end:], []byte(mark)); i >= 0 {
					end += i + len(mark)
				}
			}
			d.place = t.at(name, cmp.Or(d.line, 1+bytes.Count(data[:end], []byte("\n"))))
			found = append(found, d)
		}
	}
	// Keys of an object have no order.
	slices.SortStableFunc(found, func(a, b dependency) int { return cmp.Or(strings.Compare(a.file, b.file), a.line-b.line) })
	return found, unread
}

func mentions(found []dependency, name string) bool {
	return slices.ContainsFunc(found, func(d dependency) bool { return d.name == name })
}

// judgeFloor judges all mentions of Upstash's client.
func (e ecosystem) judgeFloor(found []dependency, unread []string) Finding {
	var evidence []string
	locked, maybe, old := false, false, ""
	for _, d := range found {
		if d.name != e.client {
			continue
		}
		evidence = append(evidence, d.describe())
		locked = locked || d.locked
		switch e.judge(d.requirement) {
		case reachNever:
			old = cmp.Or(old, d.describe())
		case reachMaybe:
			maybe = true
		case reachAlways:
		}
	}
	steps := []string{"Run: " + e.install, "Deploy again, and commit the lock file."}
	switch {
	case old != "":
		return fail("it is older than "+e.floor, old, steps...)
	case len(unread) > 0:
		return untold(unread)
	case len(evidence) == 0:
		return fail(e.client+" is not among the dependencies", "no mention in a manifest or lock file", steps...)
	case maybe && !locked:
		return warn("it may be older than "+e.floor+": nothing pins it", joined(evidence), steps...)
	}
	return pass("%s", joined(evidence))
}

// backendPackage takes an app without Python for one that is written for Node.
func backendPackage(_ *run, trees []*tree) Finding {
	found, unread := trees[0].dependencies(python)
	if len(found) == 0 {
		if onNode, unreadNode := trees[0].dependencies(node); mentions(onNode, node.client) {
			return node.judgeFloor(onNode, append(unread, unreadNode...))
		}
	}
	return python.judgeFloor(found, unread)
}

func frontendPackage(_ *run, trees []*tree) Finding {
	return node.judgeFloor(trees[0].dependencies(node))
}

// conflictingPackage looks for a second client of the same language.
func conflictingPackage(_ *run, trees []*tree) Finding {
	var both, unread []string
	for _, t := range trees {
		for _, e := range []ecosystem{python, node} {
			found, failed := t.dependencies(e)
			unread = append(unread, failed...)
			if !mentions(found, e.client) {
				continue
			}
			for _, other := range e.others {
				if i := slices.IndexFunc(found, func(d dependency) bool { return d.name == other }); i >= 0 {
					both = append(both, found[i].describe())
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
		return untold(unread)
	}
	return pass("one client only")
}

// shadowing looks for modules of a client's name where Python looks first: in any
// folder that is not itself part of a package.
func shadowing(_ *run, trees []*tree) Finding {
	var found []string
	t := trees[0]
	for _, dir := range t.dirs {
		if slices.Contains(t.files, path.Join(dir, "__init__.py")) {
			continue
		}
		for _, module := range []string{"redis.py", "redis/__init__.py", "upstash_redis.py", "upstash_redis/__init__.py"} {
			if file := path.Join(dir, module); slices.Contains(t.files, file) {
				found = append(found, t.at(file, 1).String())
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

func joined(evidence []string) string { return strings.Join(evidence, "; ") }
