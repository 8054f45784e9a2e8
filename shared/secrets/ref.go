package secrets

import (
	"errors"
	"fmt"
	"regexp"
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

var (
	projectPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.:-]{0,62}$`) // an id, a number, or example.com:id
	secretPattern  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	versionPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`) // a number, "latest" or an alias
)

// IsRef reports whether s is meant as a reference; ParseRef tells whether it is one.
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
	for i, field := range []struct {
		name    string
		pattern *regexp.Regexp
	}{{"project", projectPattern}, {"secret", secretPattern}, {"version", versionPattern}} {
		if !field.pattern.MatchString(parts[2*i+1]) {
			return Ref{}, refError("has a " + field.name + " with characters that no " + field.name + " has")
		}
	}
	return Ref{project: parts[1], secret: parts[3], version: parts[5]}, nil
}

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
