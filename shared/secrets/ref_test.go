package secrets_test

import (
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/secrets"
)

func TestParseRef(t *testing.T) {
	tests := []struct {
		name, text string
		resource   string // of a good one
		canonical  string // when it differs from text
		problem    string // part of the error of a bad one
	}{
		{name: "without a version it is the latest", text: "sm://projects/p/secrets/s", resource: "projects/p/secrets/s/versions/latest"},
		{name: "latest may be said", text: "sm://projects/p/secrets/s/versions/latest", resource: "projects/p/secrets/s/versions/latest", canonical: "sm://projects/p/secrets/s"},
		{name: "a pinned version", text: "sm://projects/123456/secrets/redis_Token-1/versions/7", resource: "projects/123456/secrets/redis_Token-1/versions/7"},
		{name: "an alias", text: "sm://projects/example.com:p/secrets/s/versions/current", resource: "projects/example.com:p/secrets/s/versions/current"},
		{name: "empty", text: "", problem: "does not begin with sm://"},
		{name: "a token in the wrong place", text: "AX-c4nary-S3cret", problem: "does not begin with sm://"},
		{name: "another scheme", text: "secret://projects/p/secrets/s", problem: "does not begin with sm://"},
		{name: "the short form that does not exist", text: "sm://p/s", problem: "right parts"},
		{name: "a closing slash", text: "sm://projects/p/secrets/s/", problem: "right parts"},
		{name: "version without its name", text: "sm://projects/p/secrets/s/versions", problem: "right parts"},
		{name: "no project", text: "sm://projects//secrets/s", problem: "has a project"},
		{name: "a placeholder left in", text: "sm://projects/p/secrets/<name>", problem: "has a secret"},
		{name: "a newline at the end", text: "sm://projects/p/secrets/s\n", problem: "has a secret"},
		{name: "an empty version", text: "sm://projects/p/secrets/s/versions/", problem: "has a version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref, err := secrets.ParseRef(tt.text)
			if tt.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tt.problem) {
					t.Fatalf("error %v, want one that says %q", err, tt.problem)
				}
				if strings.Contains(err.Error(), "c4nary") {
					t.Errorf("the error quotes what may be a secret: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := ref.Name(); got != tt.resource {
				t.Errorf("Name = %q, want %q", got, tt.resource)
			}
			want := tt.canonical
			if want == "" {
				want = tt.text
			}
			if got := ref.String(); got != want {
				t.Errorf("String = %q, want %q", got, want)
			}
		})
	}
}

func FuzzParseRef(f *testing.F) {
	f.Add("sm://projects/p/secrets/s")
	f.Add("sm://projects/p/secrets/s/versions/7")
	f.Add("sm://projects/p/secrets/s/versions/")
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := secrets.ParseRef(text)
		if err != nil {
			return
		}
		again, err := secrets.ParseRef(ref.String())
		if err != nil || again != ref {
			t.Fatalf("%q became %q, which parses as %v, %v", text, ref, again, err)
		}
	})
}
