package secrets

import (
	"errors"
	"strings"
)

// scheme begins a reference where a secret's text could stand too.
const scheme = "sm://"

// Ref names a version of a secret in Secret Manager:
// sm://projects/PROJECT/secrets/SECRET[/versions/VERSION]. It is comparable.
type Ref struct{ name string }

// IsRef reports whether s is meant as a reference; ParseRef reports whether it is one.
func IsRef(s string) bool { return strings.HasPrefix(s, scheme) }

// ParseRef parses a reference. Its errors do not quote s, which may be a secret
// pasted into the wrong place.
func ParseRef(s string) (Ref, error) {
	rest, ok := strings.CutPrefix(s, scheme)
	if !ok {
		return Ref{}, refError("does not begin with " + scheme)
	}
	parts := strings.Split(rest, "/")
	if len(parts) == 4 {
		parts = append(parts, "versions", "latest")
	}
	if len(parts) != 6 || parts[0] != "projects" || parts[2] != "secrets" || parts[4] != "versions" {
		return Ref{}, refError("does not have the right parts")
	}
	// Not patterns of package regexp: compiling those three costs each cold start 1 ms.
	switch {
	case !isName(parts[1], 63, ".:-") || !strings.ContainsRune(lowerOrDigit, rune(parts[1][0])): // an id, a number, or example.com:id
		return Ref{}, refError("has a project with characters that no project has")
	case !isName(parts[3], 255, "_-"):
		return Ref{}, refError("has a secret with characters that no secret has")
	case !isName(parts[5], 63, "_-"): // a number, "latest" or an alias
		return Ref{}, refError("has a version with characters that no version has")
	}
	return Ref{strings.Join(parts, "/")}, nil
}

const lowerOrDigit = "abcdefghijklmnopqrstuvwxyz0123456789"

// isName reports whether s is 1 to longest ASCII letters, digits and characters of
// others.
func isName(s string, longest int, others string) bool {
	return s != "" && len(s) <= longest && strings.Trim(s, lowerOrDigit+"ABCDEFGHIJKLMNOPQRSTUVWXYZ"+others) == ""
}

func refError(problem string) error {
	return errors.New("secret reference " + problem +
		`: want sm://projects/PROJECT/secrets/SECRET[/versions/VERSION], such as "sm://projects/my-project/secrets/redis-token"`)
}

// Name is the resource name of the version: projects/P/secrets/S/versions/V.
func (r Ref) Name() string { return r.name }

// String returns the reference as ParseRef takes it, without "/versions/latest".
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return scheme + strings.TrimSuffix(r.name, "/versions/latest")
}

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }
