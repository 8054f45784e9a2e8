package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func guarded(surface config.Surface, open bool, tokens access.Tokens) http.Handler {
	return access.Guard(surface, open, tokens, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
}

func accept(tokens ...string) access.Tokens {
	return func(context.Context) ([]secrets.Value, error) {
		var out []secrets.Value
		for _, t := range tokens {
			out = append(out, secrets.New(t))
		}
		return out, nil
	}
}

func get(h http.Handler, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func basic(user, password string) string {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

// assertAnswer holds an answer to its status, and to what a refusal says about itself.
func assertAnswer(t *testing.T, name string, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want {
		t.Errorf("%s: status %d, want %d: %s", name, w.Code, want, w.Body)
	}
	ask, retry := "", ""
	switch want {
	case http.StatusUnauthorized:
		ask = `Basic realm="pongwatch", charset="UTF-8"`
	case http.StatusTooManyRequests:
		retry = "10"
	}
	if got := w.Header().Get("WWW-Authenticate"); got != ask {
		t.Errorf("%s: a browser is asked with %q, want %q", name, got, ask)
	}
	if got := w.Header().Get("Retry-After"); got != retry {
		t.Errorf("%s: Retry-After is %q, want %q", name, got, retry)
	}
	if want == http.StatusNoContent {
		return
	}
	var body struct{ Error string }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Error == "" {
		t.Errorf("%s: a refusal says %q, %v", name, w.Body, err)
	}
	for key, value := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if got := w.Header().Get(key); !strings.HasPrefix(got, value) {
			t.Errorf("%s: %s is %q, want %q", name, key, got, value)
		}
	}
}

func TestEachWayToReadAPage(t *testing.T) {
	for _, tt := range []struct {
		name    string
		surface config.Surface
		open    bool
		want    int
	}{
		{"IAM guards the whole service", config.AccessIAM, false, http.StatusNoContent},
		{"IAM guards nothing of an open service", config.AccessIAM, true, http.StatusForbidden},
		{"public, behind IAM", config.AccessPublic, false, http.StatusNoContent},
		{"public, in an open service", config.AccessPublic, true, http.StatusNoContent},
		{"a token, behind IAM", config.AccessToken, false, http.StatusUnauthorized},
		{"a token, in an open service", config.AccessToken, true, http.StatusUnauthorized},
		{"a word that there is not is closed", "publick", false, http.StatusForbidden},
		{"none is closed", "", true, http.StatusForbidden},
	} {
		h := guarded(tt.surface, tt.open, accept("new"))
		assertAnswer(t, tt.name, get(h, ""), tt.want)
		if tt.surface == config.AccessToken {
			assertAnswer(t, tt.name+", which is given", get(h, "Bearer new"), http.StatusNoContent)
		} else {
			assertAnswer(t, tt.name+", and no token changes that", get(h, "Bearer new"), tt.want)
		}
	}
}

func TestCredentials(t *testing.T) {
	h := func() http.Handler { return guarded(config.AccessToken, false, accept("old", "new", "")) }
	for _, tt := range []struct {
		name, authorization string
		want                int
	}{
		{"a token by Bearer", "Bearer new", http.StatusNoContent},
		{"the other one while they are exchanged", "Bearer old", http.StatusNoContent},
		{"the scheme in any case", "bEARER new", http.StatusNoContent},
		{"with spaces around it", "Bearer   new ", http.StatusNoContent},
		{"a token as a browser sends it", basic("anyone", "new"), http.StatusNoContent},
		{"without a name", basic("", "new"), http.StatusNoContent},
		{"the token as the name", basic("new", "x"), http.StatusUnauthorized},
		{"nothing", "", http.StatusUnauthorized},
		{"a scheme alone", "Bearer", http.StatusUnauthorized},
		{"a token alone", "new", http.StatusUnauthorized},
		{"another scheme", "Token new", http.StatusUnauthorized},
		{"Basic that is none", "Basic new", http.StatusUnauthorized},
		{"a longer one", "Bearer newer", http.StatusUnauthorized},
		{"a shorter one", "Bearer ne", http.StatusUnauthorized},
		{"one in another case", "Bearer NEW", http.StatusUnauthorized},
		{"both at once", "Bearer old new", http.StatusUnauthorized},
		{"an empty one never matches an empty secret", "Bearer ", http.StatusUnauthorized},
		{"nor does an empty password", basic("anyone", ""), http.StatusUnauthorized},
	} {
		assertAnswer(t, tt.name, get(h(), tt.authorization), tt.want)
	}
}

func TestTokensThatCannotBeReadLetNoOneIn(t *testing.T) {
	down := func(context.Context) ([]secrets.Value, error) {
		return []secrets.Value{secrets.New("new")}, errors.New("secret source unavailable")
	}
	for name, tokens := range map[string]access.Tokens{"the tokens cannot be read": down, "there are none": accept(), "none are configured": nil} {
		h := guarded(config.AccessToken, false, tokens)
		for range 30 { // it is not a guess
			assertAnswer(t, name, get(h, "Bearer new"), http.StatusServiceUnavailable)
		}
		if w := get(h, "Bearer new"); strings.Contains(w.Body.String(), "secret source") {
			t.Errorf("%s: the answer says why: %s", name, w.Body)
		}
		assertAnswer(t, name+", and none is given", get(h, ""), http.StatusUnauthorized)
	}
}

// Twenty wrong tokens at once are answered, and one more each second.
func TestGuessingIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, other := guarded(config.AccessToken, false, accept("new")), guarded(config.AccessToken, false, accept("new"))
		for range 100 {
			assertAnswer(t, "no token is no guess", get(h, ""), http.StatusUnauthorized)
			assertAnswer(t, "nor is a right one", get(h, "Bearer new"), http.StatusNoContent)
		}
		for range 20 {
			assertAnswer(t, "one of twenty", get(h, "Bearer guess"), http.StatusUnauthorized)
		}
		assertAnswer(t, "the 21st", get(h, "Bearer guess"), http.StatusTooManyRequests)
		assertAnswer(t, "the 22nd, as a browser sends it", get(h, basic("", "guess")), http.StatusTooManyRequests)
		assertAnswer(t, "a right one is never in the way", get(h, "Bearer new"), http.StatusNoContent)
		assertAnswer(t, "a browser is still asked", get(h, ""), http.StatusUnauthorized)
		assertAnswer(t, "another page", get(other, "Bearer guess"), http.StatusUnauthorized)
		time.Sleep(time.Second - time.Millisecond)
		assertAnswer(t, "not quite a second later", get(h, "Bearer guess"), http.StatusTooManyRequests)
		time.Sleep(time.Millisecond)
		assertAnswer(t, "a second later", get(h, "Bearer guess"), http.StatusUnauthorized)
		assertAnswer(t, "and at once again", get(h, "Bearer guess"), http.StatusTooManyRequests)
		time.Sleep(time.Hour)
		for range 20 {
			assertAnswer(t, "one of twenty after a pause", get(h, "Bearer guess"), http.StatusUnauthorized)
		}
		assertAnswer(t, "the 21st after a pause", get(h, "Bearer guess"), http.StatusTooManyRequests)
	})
}

func TestTokensAreReadWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := func(ctx context.Context) ([]secrets.Value, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		begun := time.Now()
		assertAnswer(t, "a source that hangs", get(guarded(config.AccessToken, false, hangs), "Bearer new"), http.StatusServiceUnavailable)
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("the answer took %v, want five seconds", took)
		}
	})
}

// A comparison that stops at the first difference tells how much of a guess was right.
// [secrets.Value.Equal] does not, so a token is never revealed here.
func TestTokensAreComparedInConstantTime(t *testing.T) {
	source, err := os.ReadFile("access.go")
	if err != nil {
		t.Fatal(err)
	}
	if text := string(source); strings.Contains(text, "Reveal") || strings.Count(text, ".Equal(") != 1 {
		t.Error("a token is compared in another way than by secrets.Value.Equal")
	}
}

func TestFromConfig(t *testing.T) {
	const canary = "canary-token"
	document := config.Document{Name: "test.yaml", Text: []byte(`
access: {dashboard: token, tokens: [sm://projects/p/secrets/first, sm://projects/p/secrets/second]}
databases: [{name: cache, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}]
`)}
	c, problems := config.Parse(false, document)
	if c == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	fail, calls := "", 0
	source := secrets.SourceFunc(func(_ context.Context, name string) (secrets.Secret, error) {
		calls++
		if fail != "" && strings.Contains(name, fail) {
			return secrets.Secret{}, secrets.ErrDenied
		}
		return secrets.Secret{Data: []byte(canary + name[strings.LastIndex(name, "secrets/"):])}, nil
	})
	for _, name := range []string{"first", "second"} {
		fail = name
		got, err := access.FromConfig(c, secrets.NewCache(source, secrets.Options{}))(t.Context())
		if !errors.Is(err, secrets.ErrDenied) || got != nil || !strings.HasPrefix(err.Error(), "reading access.tokens: ") || strings.Contains(err.Error(), canary) {
			t.Errorf("without the %s: %v, %v", name, got, err)
		}
	}
	fail, calls = "", 0
	tokens := access.FromConfig(c, secrets.NewCache(source, secrets.Options{}))
	for range 3 {
		got, err := tokens(t.Context())
		if err != nil || len(got) != 2 || !strings.HasPrefix(got[0].Reveal(), canary+"secrets/first") || !strings.HasPrefix(got[1].Reveal(), canary+"secrets/second") {
			t.Errorf("%d tokens, %v; want both", len(got), err)
		}
	}
	if calls != 2 {
		t.Errorf("%d secrets were read, want each once", calls)
	}
	c.Access.Tokens = nil
	if got, err := access.FromConfig(c, nil)(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("no tokens are %v, %v", got, err)
	}
}
