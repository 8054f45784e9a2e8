package preflight

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// version is major, minor and patch.
type version [3]int

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

func (v version) less(o version) bool {
	return cmp.Or(cmp.Compare(v[0], o[0]), cmp.Compare(v[1], o[1]), cmp.Compare(v[2], o[2])) < 0
}

var versionText = regexp.MustCompile(`(\d+)(?:\.(\d+))?(?:\.(\d+))?`)

// parseVersion reads the first version in a text, and how many parts it gives.
func parseVersion(text string) (v version, parts int) {
	m := versionText.FindStringSubmatch(text)
	for i := 1; i < len(m) && m[i] != ""; i++ {
		// Digits only; one that is too large is no version of anything.
		v[i-1], _ = strconv.Atoi(m[i])
		parts++
	}
	return v, parts
}

// reach says what a requirement means for a least version.
type reach int

const (
	reachAlways reach = iota // every version that it allows will do
	reachMaybe               // it allows older and newer ones
	reachNever               // it allows older ones only
)

var clause = regexp.MustCompile(`(\^|~=|~>|~|===|==|>=|<=|!=|>|<|=)?\s*v?(\d[\w.*+-]*|\*|x)`)

// judge reads a requirement as pip, Poetry and npm write them: "==1.2.3", ">=1,<2",
// "^1.2", "~=1.2", "1.x". Alone, a version is exact.
func judge(requirement string, floor version) reach {
	atLeast, never := false, false
	for _, m := range clause.FindAllStringSubmatch(requirement, -1) {
		v, parts := parseVersion(m[2])
		if parts == 0 {
			continue // any version
		}
		end, bounded := v, true // the first version that is not allowed, going by the operator
		switch m[1] {
		case "^":
			end = caret(v)
		case "~", "~>":
			end = version{v[0], v[1] + 1}
			if parts == 1 {
				end = version{v[0] + 1}
			}
		case "~=":
			end = version{v[0], v[1] + 1}
			if parts < 3 {
				end = version{v[0] + 1}
			}
		case ">=", ">":
			bounded = false
		case "<", "<=":
			if !floor.less(v) && (m[1] == "<" || v != floor) {
				never = true
			}
			continue
		case "!=":
			continue
		default: // exact, or a prefix as in 1.x
			end = version{v[0], v[1], v[2] + 1}
			switch parts {
			case 1:
				end = version{v[0] + 1}
			case 2:
				end = version{v[0], v[1] + 1}
			}
		}
		if !v.less(floor) {
			atLeast = true
		} else if bounded && !floor.less(end) {
			never = true
		}
	}
	switch {
	case never:
		return reachNever
	case atLeast && !strings.Contains(requirement, "||"):
		return reachAlways
	}
	return reachMaybe
}

// caret returns the first version that "^v" does not allow.
func caret(v version) version {
	switch {
	case v[0] > 0:
		return version{v[0] + 1}
	case v[1] > 0:
		return version{0, v[1] + 1}
	}
	return version{0, 0, v[2] + 1}
}

// dependency is one mention of a package.
type dependency struct {
	name        string
	requirement string
	locked      bool // an exact version that was resolved
	direct      bool
	place
}

func (d dependency) describe() string {
	if d.requirement == "" {
		return fmt.Sprintf("%s at %s", d.name, d.place)
	}
	return fmt.Sprintf("%s %s at %s", d.name, d.requirement, d.place)
}

// judgeFloor judges all mentions of one package.
func judgeFloor(found []dependency, name string, floor version, install string) Finding {
	var evidence []string
	locked, maybe, old := false, "", ""
	for _, d := range found {
		if d.name != name {
			continue
		}
		evidence = append(evidence, d.describe())
		locked = locked || d.locked
		switch judge(d.requirement, floor) {
		case reachNever:
			old = cmp.Or(old, d.describe())
		case reachMaybe:
			maybe = cmp.Or(maybe, d.describe())
		}
	}
	all := strings.Join(evidence, "; ")
	steps := []string{fmt.Sprintf("Run: %s", install), "Deploy again, and commit the lock file."}
	switch {
	case len(evidence) == 0:
		return fail(name+" is not among the dependencies", "no mention in a manifest or lock file", steps...)
	case old != "":
		return fail(fmt.Sprintf("it is older than %v", floor), old, steps...)
	case maybe != "" && !locked:
		return warn(fmt.Sprintf("it may be older than %v: nothing pins it", floor), all, steps...)
	}
	return pass("%s", all)
}
