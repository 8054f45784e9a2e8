// Package oidc checks that a request comes from Cloud Scheduler or a Pub/Sub push
// subscription, by the OpenID Connect token of Google's that they send along.
//
// It is needed behind IAM too, because who may read a page may also post there. Cloud Run
// then verifies the token itself and replaces its signature
// (https://cloud.google.com/run/docs/troubleshooting#signature-removed), so that only its
// claims are left to check.
//
// The X-CloudScheduler headers prove nothing, because anyone can send them.
package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"
)

// What a request is refused for; test with [errors.Is].
var (
	ErrNoToken   = errors.New("no bearer token")
	ErrBadToken  = errors.New("token not accepted")
	ErrForbidden = errors.New("caller not allowed")
)

// signatureRemoved is what Cloud Run puts in the place of a signature that it has verified.
const signatureRemoved = ".SIGNATURE_REMOVED_BY_GOOGLE"

// maxToken bounds what is decoded. Google's tokens have about 1 kB.
const maxToken = 8 << 10

// Options are New's settings.
type Options struct {
	Audience string   // what the sender puts into "aud": the function's URL, as Terraform sets it
	Emails   []string // the service accounts that may call
	// BehindIAM says that Cloud Run lets no request through whose token it has not verified.
	// Only then a token without its signature is accepted.
	BehindIAM bool

	// HTTPClient fetches Google's public keys; nil is a client with a timeout of 5 s.
	HTTPClient *http.Client
	// Logger gets a line for each refused request; nil discards them.
	Logger *slog.Logger
}

// Verifier checks requests. It is safe for concurrent use.
type Verifier struct {
	options   Options
	validator *idtoken.Validator
}

// New returns a verifier. It fetches no keys yet.
func New(o Options) (*Verifier, error) {
	if o.Audience == "" {
		return nil, errors.New("oidc audience is empty: want the function's URL, such as \"https://alert-123456789012.europe-west1.run.app\"")
	}
	if len(o.Emails) == 0 || slices.Contains(o.Emails, "") {
		return nil, errors.New("oidc emails are empty: want the callers' service accounts, such as \"scheduler@my-project.iam.gserviceaccount.com\"")
	}
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{Timeout: 5 * time.Second}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	// The context is for credentials, and keys are public.
	validator, err := idtoken.NewValidator(context.Background(), option.WithHTTPClient(o.HTTPClient))
	if err != nil {
		return nil, fmt.Errorf("making the token validator: %w", err)
	}
	return &Verifier{options: o, validator: validator}, nil
}

// Middleware lets only allowed callers through to next. It answers 401 without a valid
// token and 403 with another account's; the reason is in the log alone.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := v.Caller(r)
		if err == nil {
			next.ServeHTTP(w, r)
			return
		}
		v.options.Logger.WarnContext(r.Context(), "request refused", "error", err)
		code := http.StatusForbidden
		if !errors.Is(err, ErrForbidden) {
			code = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		http.Error(w, http.StatusText(code), code)
	})
}

// Caller returns the email of the service account that sent r.
func (v *Verifier) Caller(r *http.Request) (email string, err error) {
	token, err := bearer(r.Header)
	if err != nil {
		return "", err
	}
	if err := requireRS256(token); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadToken, err)
	}
	payload, err := v.payload(r.Context(), token)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadToken, err)
	}
	if payload.Issuer != "https://accounts.google.com" && payload.Issuer != "accounts.google.com" {
		return "", fmt.Errorf("%w: its issuer is %.100q", ErrBadToken, payload.Issuer)
	}
	email, _ = payload.Claims["email"].(string)
	if verified, _ := payload.Claims["email_verified"].(bool); !verified {
		return "", fmt.Errorf("%w: its email is not verified", ErrForbidden)
	}
	if !slices.Contains(v.options.Emails, email) {
		return "", fmt.Errorf("%w: %.100q is none of the service accounts that may call", ErrForbidden, email)
	}
	return email, nil
}

// payload returns the claims of a token whose signature, audience and expiry hold. The issuer
// is not checked.
func (v *Verifier) payload(ctx context.Context, token string) (*idtoken.Payload, error) {
	if !v.options.BehindIAM || !strings.HasSuffix(token, signatureRemoved) {
		return v.validator.Validate(ctx, token, v.options.Audience)
	}
	p, err := idtoken.ParsePayload(token)
	switch {
	case err != nil:
		return nil, err
	case p.Audience != v.options.Audience:
		return nil, errors.New("it is for another audience")
	case time.Now().Unix() > p.Expires:
		return nil, errors.New("it has expired")
	}
	return p, nil
}

// bearer returns the token that Cloud Run checks: X-Serverless-Authorization if it is
// sent, otherwise Authorization
// (https://cloud.google.com/run/docs/authenticating/service-to-service).
func bearer(h http.Header) (string, error) {
	values := h.Values("X-Serverless-Authorization")
	if len(values) == 0 {
		values = h.Values("Authorization")
	}
	// Of two, Cloud Run may have looked at the other.
	if len(values) != 1 {
		return "", ErrNoToken
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", ErrNoToken
	}
	if len(token) > maxToken {
		return "", fmt.Errorf("%w: it has %d bytes", ErrBadToken, len(token))
	}
	return token, nil
}

// requireRS256 refuses other algorithms. Google signs these tokens with RS256; the
// library also takes ES256, and panics on a short signature of it
// (google.golang.org/api v0.311.0).
func requireRS256(token string) error {
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return errors.New("its header is not base64")
	}
	var header struct {
		Alg string `json:"alg"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		return errors.New("its header is not JSON")
	}
	if header.Alg != "RS256" {
		return fmt.Errorf("it is signed by %.20q, want RS256", header.Alg)
	}
	return nil
}
