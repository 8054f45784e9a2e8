package oidc_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/gcp/oidc"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
)

const (
	audience  = "https://healthcheck-123456789012.europe-west1.run.app"
	scheduler = "scheduler@p.iam.gserviceaccount.com"
	removed   = ".SIGNATURE_REMOVED_BY_GOOGLE"
)

func newIssuer(t *testing.T) *oidctest.Issuer {
	t.Helper()
	issuer, err := oidctest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

func signed(t *testing.T, issuer *oidctest.Issuer, c oidctest.Claims) string {
	t.Helper()
	token, err := issuer.Token(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func content(t *testing.T, algorithm string, c oidctest.Claims) string {
	t.Helper()
	s, err := oidctest.Content(algorithm, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCaller(t *testing.T) {
	google, stranger := newIssuer(t), newIssuer(t)
	good := oidctest.ClaimsOf(scheduler, audience, time.Now())
	tests := []struct {
		name  string
		token string
		want  error
	}{
		{"Scheduler's token is accepted", signed(t, google, good), nil},
		{"the issuer's short form is accepted", signed(t, google, good.With("iss", "accounts.google.com")), nil},
		{"a token whose signature is cut off", content(t, "RS256", good) + removed, oidc.ErrBadToken},
		{"a stranger's signature", signed(t, stranger, good), oidc.ErrBadToken},
		{"no signature at all", content(t, "none", good) + ".", oidc.ErrBadToken},
		{"ES256 with a short signature, which makes the library panic", content(t, "ES256", good) + ".AAAA", oidc.ErrBadToken},
		{"HS256", content(t, "HS256", good) + ".AAAA", oidc.ErrBadToken},
		{"another issuer", signed(t, google, good.With("iss", "https://evil.example.com")), oidc.ErrBadToken},
		{"another audience", signed(t, google, good.With("aud", "https://other.run.app")), oidc.ErrBadToken},
		{"no audience", signed(t, google, good.With("aud", nil)), oidc.ErrBadToken},
		{"expired", signed(t, google, oidctest.ClaimsOf(scheduler, audience, time.Now().Add(-2*time.Hour))), oidc.ErrBadToken},
		{"no expiry", signed(t, google, good.With("exp", nil)), oidc.ErrBadToken},
		{"another service account", signed(t, google, good.With("email", "other@p.iam.gserviceaccount.com")), oidc.ErrForbidden},
		{"no email", signed(t, google, good.With("email", nil)), oidc.ErrForbidden},
		{"an email of another type", signed(t, google, good.With("email", 7)), oidc.ErrForbidden},
		{"an unverified email", signed(t, google, good.With("email_verified", false)), oidc.ErrForbidden},
		{"verified as text", signed(t, google, good.With("email_verified", "true")), oidc.ErrForbidden},
		{"no token", "", oidc.ErrNoToken},
		{"no token's shape", "abc", oidc.ErrBadToken},
		{"no base64", "!.!.!", oidc.ErrBadToken},
		{"a huge token", strings.Repeat("a", 1<<20), oidc.ErrBadToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			email, err := verifier(t, google, nil).Caller(request(t, "Authorization", "Bearer "+tt.token))
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if want := scheduler; err == nil && email != want {
				t.Errorf("caller %q, want %q", email, want)
			}
		})
	}
}

func verifier(t *testing.T, issuer *oidctest.Issuer, logger *slog.Logger) *oidc.Verifier {
	t.Helper()
	v, err := oidc.New(oidc.Options{
		Audience: audience, Emails: []string{"pubsub@p.iam.gserviceaccount.com", scheduler}, HTTPClient: issuer.Client(), Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func request(t *testing.T, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestTheHeaderThatCloudRunLookedAtCounts(t *testing.T) {
	google := newIssuer(t)
	v := verifier(t, google, nil)
	good := signed(t, google, oidctest.ClaimsOf(scheduler, audience, time.Now()))
	other := signed(t, google, oidctest.ClaimsOf("other@p.iam.gserviceaccount.com", audience, time.Now()))
	if _, err := v.Caller(request(t, "X-Serverless-Authorization", "bearer "+good, "Authorization", "Basic x")); err != nil {
		t.Errorf("X-Serverless-Authorization: %v", err)
	}
	// Cloud Run has looked at the first alone, so the second may be forged.
	if _, err := v.Caller(request(t, "X-Serverless-Authorization", "Bearer "+other, "Authorization", "Bearer "+good)); !errors.Is(err, oidc.ErrForbidden) {
		t.Errorf("a forged Authorization beside it: %v, want ErrForbidden", err)
	}
}

// Behind IAM Cloud Run has verified the token and replaced its signature. Who it is for, and
// whose, is still checked: an account that may read a page gets through IAM as well.
func TestCallerBehindIAM(t *testing.T) {
	google, stranger := newIssuer(t), newIssuer(t)
	good := oidctest.ClaimsOf(scheduler, audience, time.Now())
	v, err := oidc.New(oidc.Options{Audience: audience, Emails: []string{scheduler}, BehindIAM: true, HTTPClient: google.Client()})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, token string
		want        error
	}{
		{"Scheduler's token, verified by Cloud Run", content(t, "RS256", good) + removed, nil},
		{"Scheduler's token as it was sent", signed(t, google, good), nil},
		{"a reader of the pages", content(t, "RS256", good.With("email", "reader@example.com")) + removed, oidc.ErrForbidden},
		{"an unverified email", content(t, "RS256", good.With("email_verified", false)) + removed, oidc.ErrForbidden},
		{"another audience", content(t, "RS256", good.With("aud", "https://other.run.app")) + removed, oidc.ErrBadToken},
		{"another issuer", content(t, "RS256", good.With("iss", "https://evil.example.com")) + removed, oidc.ErrBadToken},
		{"expired", content(t, "RS256", oidctest.ClaimsOf(scheduler, audience, time.Now().Add(-2*time.Hour))) + removed, oidc.ErrBadToken},
		{"no expiry", content(t, "RS256", good.With("exp", nil)) + removed, oidc.ErrBadToken},
		{"a stranger's signature", signed(t, stranger, good), oidc.ErrBadToken},
		{"no signature at all", content(t, "RS256", good) + ".", oidc.ErrBadToken},
		{"the mark in another case", content(t, "RS256", good) + strings.ToLower(removed), oidc.ErrBadToken},
		{"the mark twice", content(t, "RS256", good) + removed + removed, oidc.ErrBadToken},
		{"no claims", "e30" + removed, oidc.ErrBadToken},
	} {
		if _, err := v.Caller(request(t, "Authorization", "Bearer "+tt.token)); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
	}
	// Which of two headers Cloud Run has verified is not known.
	good2 := "Bearer " + content(t, "RS256", good) + removed
	for _, name := range []string{"Authorization", "X-Serverless-Authorization"} {
		r := request(t, name, "Bearer "+content(t, "RS256", good.With("email", "reader@example.com"))+removed)
		r.Header.Add(name, good2)
		if _, err := v.Caller(r); err == nil {
			t.Errorf("two headers %s are accepted", name)
		}
	}
	for _, first := range []string{"", "Basic eDp5"} {
		r := request(t, "Authorization", good2)
		r.Header["X-Serverless-Authorization"] = []string{first}
		if _, err := v.Caller(r); err == nil {
			t.Errorf("X-Serverless-Authorization %q lets Authorization through, which Cloud Run has not verified", first)
		}
	}
}

func TestMiddleware(t *testing.T) {
	google := newIssuer(t)
	good := oidctest.ClaimsOf(scheduler, audience, time.Now())
	tests := []struct {
		name, authorization string
		code                int
	}{
		{"allowed", "Bearer " + signed(t, google, good), 200},
		{"no token", "", 401},
		{"another scheme", "Basic dTpw", 401},
		{"another audience", "Bearer " + signed(t, google, good.With("aud", "x")), 401},
		{"another caller", "Bearer " + signed(t, google, good.With("email", "x@example.com")), 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			v := verifier(t, google, slog.New(slog.NewJSONHandler(&log, nil)))
			served := 0
			h := v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request(t, "Authorization", tt.authorization))
			if w.Code != tt.code {
				t.Errorf("answered %d, want %d", w.Code, tt.code)
			}
			if refused := tt.code != 200; refused != strings.Contains(log.String(), "request refused") || refused == (served == 1) {
				t.Errorf("logged %q, served %d", log.String(), served)
			}
			if want := tt.code == 401; want != (w.Header().Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("headers %v", w.Header())
			}
			for _, word := range []string{"audience", scheduler} {
				if strings.Contains(w.Body.String(), word) {
					t.Errorf("the answer explains itself: %s", w.Body)
				}
			}
		})
	}
}

// Each reason is in the log, and a token is refused before anything of it is decoded.
func TestReasons(t *testing.T) {
	google := newIssuer(t)
	for token, want := range map[string]string{
		strings.Repeat("a", 8<<10+1): "token not accepted: it has 8193 bytes",
		strings.Repeat("a", 8<<10):   "its header is not JSON",
		"!.e30.AA":                   "its header is not base64",
		"e30.e30.AA":                 `it is signed by ""`,
		"":                           "no bearer token",
		content(t, "HS256", oidctest.Claims{}) + ".AAAA": `it is signed by "HS256", want RS256`,
	} {
		var log bytes.Buffer
		h := verifier(t, google, slog.New(slog.NewTextHandler(&log, nil))).Middleware(http.NotFoundHandler())
		h.ServeHTTP(httptest.NewRecorder(), request(t, "Authorization", "Bearer "+token))
		if !strings.Contains(strings.ReplaceAll(log.String(), `\`, ""), want) {
			t.Errorf("logged %.200s, want %q", log.String(), want)
		}
	}
	// Without a logger nothing is logged.
	w := httptest.NewRecorder()
	verifier(t, google, nil).Middleware(http.NotFoundHandler()).ServeHTTP(w, request(t))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("answered %d", w.Code)
	}
}

func TestKeysAreFetchedOnce(t *testing.T) {
	google := newIssuer(t)
	v := verifier(t, google, nil)
	token := signed(t, google, oidctest.ClaimsOf(scheduler, audience, time.Now()))
	if got := google.Fetches(); got != 0 {
		t.Errorf("New fetched the keys %d times", got)
	}
	for range 3 {
		if _, err := v.Caller(request(t, "Authorization", "Bearer "+token)); err != nil {
			t.Fatal(err)
		}
	}
	if got := google.Fetches(); got != 1 {
		t.Errorf("the keys were fetched %d times, want once", got)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	emails := []string{scheduler}
	tests := []struct {
		name    string
		options oidc.Options
		problem string
	}{
		{"no audience would accept anybody's", oidc.Options{Emails: emails}, "audience"},
		{"no caller is allowed", oidc.Options{Audience: audience}, "emails"},
		{"an empty email would match a missing one", oidc.Options{Audience: audience, Emails: []string{""}}, "emails"},
	}
	for _, tt := range tests {
		if _, err := oidc.New(tt.options); err == nil || !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: error %v, want one that names the %s", tt.name, err, tt.problem)
		}
	}
}

func FuzzCaller(f *testing.F) {
	issuer, err := oidctest.NewIssuer()
	if err != nil {
		f.Fatal(err)
	}
	good, err := oidctest.Content("RS256", oidctest.ClaimsOf(scheduler, audience, time.Now()))
	if err != nil {
		f.Fatal(err)
	}
	v, err := oidc.New(oidc.Options{Audience: audience, Emails: []string{scheduler}, HTTPClient: issuer.Client()})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "Bearer", "Bearer a.b.c", "Bearer " + good + removed, "Bearer eyJhbGciOiJFUzI1NiJ9.e30.AA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, authorization string) {
		if email, err := v.Caller(request(t, "Authorization", authorization)); err == nil || email != "" {
			t.Fatalf("caller %q, %v: a token that was never signed is verified", email, err)
		}
	})
}
