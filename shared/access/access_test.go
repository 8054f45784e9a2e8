package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
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
	mux := access.NewMux("")
	mux.Handle("/", access.Readers{Tokens: tokens, Open: open}.Guard(surface), reached)
	return mux
}

var reached = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

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
	ask := ""
	if want == http.StatusUnauthorized {
		ask = `Basic realm="pongwatch", charset="UTF-8"`
	}
	if got := w.Header().Get("WWW-Authenticate"); got != ask {
		t.Errorf("%s: a browser is asked with %q, want %q", name, got, ask)
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

// A short token could be guessed, so that none is accepted and no guess needs to be slowed.
func TestFromConfig(t *testing.T) {
	const long, short = "canary-token-of-24-chars", "canary-token-of-23-char"
	document := config.Document{Name: "test.yaml", Text: []byte(`
access: {dashboard: token, tokens: [sm://projects/p/secrets/first, sm://projects/p/secrets/second]}
databases: [{name: cache, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}]
`)}
	c, problems := config.Parse(false, document)
	if c == nil || problems.Err() != nil {
		t.Fatal(problems)
	}
	for _, tt := range []struct {
		name          string
		first, second string // "" cannot be read
		want          string // the last accepted token, or what the error says
		accepted      int
	}{
		{"both", long + "1", long, long, 2},
		{"the first cannot be read", "", long, "reading access.tokens: ", 0},
		{"the second cannot be read", long, "", "reading access.tokens: ", 0},
		{"one too short, as while it is replaced", short, long, long, 1},
		{"the other too short", long, short, long, 1},
		{"both too short", short, "x", "access.tokens[0]: it has 23 characters, want at least 24", 0},
		{"24 characters of several bytes each", strings.Repeat("é", 24), short, strings.Repeat("é", 24), 1},
		{"23 characters of several bytes each", strings.Repeat("é", 23), short, "want at least 24", 0},
	} {
		calls := 0
		source := secrets.Source(func(_ context.Context, name string) (secrets.Secret, error) {
			calls++
			value := tt.first
			if strings.Contains(name, "second") {
				value = tt.second
			}
			if value == "" {
				return secrets.Secret{}, secrets.ErrDenied
			}
			return secrets.Secret{Data: []byte(value)}, nil
		})
		tokens := access.FromConfig(c, secrets.NewCache(source, nil))
		for range 3 {
			got, err := tokens(t.Context())
			switch {
			case len(got) != tt.accepted:
				t.Errorf("%s: %d tokens are accepted, want %d", tt.name, len(got), tt.accepted)
			case tt.accepted == 0 && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary")):
				t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
			case tt.accepted > 0 && (err != nil || got[len(got)-1].Reveal() != tt.want):
				t.Errorf("%s: error %v, want the token", tt.name, err)
			}
		}
		if tt.accepted > 0 && calls != 2 {
			t.Errorf("%s: %d secrets were read, want each once", tt.name, calls)
		}
	}
	c.Access.Tokens = nil
	if got, err := access.FromConfig(c, nil)(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("no tokens are %v, %v", got, err)
	}
}

// Guesses are answered alike, however many: no one can lock readers out.
func TestGuessesLockNoOneOut(t *testing.T) {
	h := guarded(config.AccessToken, false, accept("new"))
	for range 200 {
		assertAnswer(t, "a guess", get(h, "Bearer guess"), http.StatusUnauthorized)
	}
	assertAnswer(t, "a right one", get(h, "Bearer new"), http.StatusNoContent)
}

func TestAClosedPageSaysWhy(t *testing.T) {
	mux := access.NewMux("")
	mux.Handle("/", access.Readers{Open: true, Why: "the door is open"}.Guard(config.AccessIAM), reached)
	if w := get(mux, ""); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "access says iam for this page, but the door is open; set token or public for it") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestUnreadableTokensAreLogged(t *testing.T) {
	var log strings.Builder
	mux := access.NewMux("")
	mux.Handle("/", access.Readers{Tokens: func(context.Context) ([]secrets.Value, error) { return nil, errors.New("denied") }, Logger: slog.New(slog.NewTextHandler(&log, nil))}.Guard(config.AccessToken), reached)
	if w := get(mux, "Bearer guess"); w.Code != http.StatusServiceUnavailable || !strings.Contains(log.String(), "denied") || strings.Contains(log.String(), "guess") {
		t.Errorf("%d, logged %s", w.Code, log.String())
	}
}
