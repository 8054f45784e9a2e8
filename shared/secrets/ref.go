package secrets

import (
	"errors"
	"fmt"
	"strings"
)

// scheme begins a reference where a secret's text could stand too.
const scheme = "sm://"

// latest is the version of a reference that names none.
const latest = "latest"

// Ref names a version of a secret in Secret Manager:
// sm://projects/PROJECT/secrets/SECRET[/versions/VERSION]. It is comparable.
type Ref struct {
	project, secret, version string
}

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
		parts = append(parts, "versions", latest)
	}
	if len(parts) != 6 || parts[0] != "projects" || parts[2] != "secrets" || parts[4] != "versions" {
		return Ref{}, refError("does not have the right parts")
	}
	// Not patterns of package regexp: compiling those three costs each cold start 1 ms.
	switch {
	case !isName(parts[1], 63, ".:-") || !isLowerOrDigit(parts[1][0]): // an id, a number, or example.com:id
		return Ref{}, refError("has a project with characters that no project has")
	case !isName(parts[3], 255, "_-"):
		return Ref{}, refError("has a secret with characters that no secret has")
	case !isName(parts[5], 63, "_-"): // a number, "latest" or an alias
		return Ref{}, refError("has a version with characters that no version has")
	}
	return Ref{project: parts[1], secret: parts[3], version: parts[5]}, nil
}

// isName reports whether s is 1 to longest ASCII letters, digits and characters of
// others.
func isName(s string, longest int, others string) bool {
	for i := range len(s) {
		c := s[i]
		if !isLowerOrDigit(c) && (c < 'A' || 'Z' < c) && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= longest
}

func isLowerOrDigit(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func refError(problem string) error {
	return errors.New("secret reference " + problem +
		`: want sm://projects/PROJECT/secrets/SECRET[/versions/VERSION], such as "sm://projects/my-project/secrets/redis-token"`)
}

// Name is the resource name of the version: projects/P/secrets/S/versions/V.
func (r Ref) Name() string {
	return fmt.Sprintf("projects/%s/secrets/%s/versions/%s", r.project, r.secret, r.version)
}

// String returns the reference as ParseRef takes it, without "/versions/latest".
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return scheme + strings.TrimSuffix(r.Name(), "/versions/"+latest)
}

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// MarshalText implements [encoding.TextMarshaler].
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] by ParseRef.
func (r *Ref) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRef(string(text))
	return err
}
