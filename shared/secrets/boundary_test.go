package secrets_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/secrets"
)

func TestReferencesAreMadeOfTheirCharacters(t *testing.T) {
	for secret, good := range map[string]bool{
		"az": true, "AZ": true, "09": true, "a-_": true, "a/b": false, "a:b": false, "a@": false, "a[": false, "a`": false, "a{": false, "a.": false,
		strings.Repeat("s", 255): true, strings.Repeat("s", 256): false,
	} {
		if _, err := secrets.ParseRef("sm://projects/p/secrets/" + secret); (err == nil) != good {
			t.Errorf("secret %q: %v, want good %v", secret, err, good)
		}
	}
	for project, good := range map[string]bool{"z": true, "9": true, "Z": false, "-": false, strings.Repeat("p", 63): true, strings.Repeat("p", 64): false} {
		if _, err := secrets.ParseRef("sm://projects/" + project + "/secrets/s"); (err == nil) != good {
			t.Errorf("project %q: %v, want good %v", project, err, good)
		}
	}
	for text, want := range map[string]bool{"sm://": true, "sm://x": true, "sm:/x": false, "": false, "x sm://": false} {
		if got := secrets.IsRef(text); got != want {
			t.Errorf("IsRef(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestASourceThatPanicsIsAnError(t *testing.T) {
	cache := secrets.NewCache(secrets.Source(func(context.Context, string) (secrets.Secret, error) { panic("S3cret") }), nil)
	_, err := cache.Get(t.Context(), mustRef(t, "sm://projects/p/secrets/s"))
	if err == nil || !strings.Contains(err.Error(), "secret source panicked") || strings.Contains(err.Error(), "S3cret") {
		t.Errorf("Get() = %v, want an error without what panicked", err)
	}
}

// TestAnswersAreKeptForTheirTime reads at both sides of the TTL, the floor and the backoff,
// all of them the defaults.
func TestAnswersAreKeptForTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{data: "one"}
		cache := secrets.NewCache(source.Access, nil)
		ref := mustRef(t, "sm://projects/p/secrets/s")
		step := func(what string, after time.Duration, read func(context.Context, secrets.Ref) (secrets.Entry, error), want int, failed bool) {
			t.Helper()
			time.Sleep(after)
			e, err := read(t.Context(), ref)
			if err != nil || (e.Err != nil) != failed || source.reads != want || e.Value.Reveal() != "one" {
				t.Errorf("%s: %v, %v after %d reads, want %d", what, e.Err, err, source.reads, want)
			}
		}
		step("the first", 0, cache.Get, 1, false)
		step("just below the TTL", time.Hour-1, cache.Get, 1, false)
		step("at the TTL", 1, cache.Get, 2, false)
		step("refused below the floor", 10*time.Second-1, cache.Refresh, 2, false)
		step("refused at the floor", 1, cache.Refresh, 3, false)
		source.fail(secrets.ErrUnavailable)
		step("a read that fails", time.Hour, cache.Get, 4, true)
		step("just below the backoff", time.Minute-1, cache.Get, 4, true)
		step("at the backoff", 1, cache.Get, 5, true)
		source.fail(nil)
		step("a read that works again", time.Minute, cache.Get, 6, false)
		source.delay = time.Minute
		begun := time.Now()
		step("a read that hangs", time.Hour, cache.Get, 7, true)
		if took := time.Since(begun) - time.Hour; took != 5*time.Second {
			t.Errorf("a read that hangs took %v, want the timeout of 5 s", took)
		}
	})
}
