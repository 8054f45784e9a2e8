// Package oidc checks that a request comes from Cloud Scheduler or a Pub/Sub push
// subscription, by the OpenID Connect token of Google's that they send along.
//
// Where IAM guards the service, Cloud Run has verified the token and cut off its
// signature (https://cloud.google.com/run/docs/troubleshooting#signature-removed),
// so that no code behind it can verify it again: mode IAM reads the claims as a
// second lock. Where the service is public, mode Verify verifies the signature. To
// read claims of unverified tokens on a public service would let anybody in, so the
// mode has no default.
//
// The X-CloudScheduler headers prove nothing: anybody can send them.
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

// Mode is who verifies the token's signature.
type Mode string

// The modes.
const (
	IAM    Mode = "iam"    // Cloud Run did, since only roles/run.invoker may call the service
	Verify Mode = "verify" // this package does, with Google's keys
)

// What a request is refused for; test with [errors.Is].
var (
	ErrNoToken   = errors.New("no bearer token")
	ErrBadToken  = errors.New("token not accepted")
	ErrForbidden = errors.New("caller not allowed")
)

// maxToken bounds what is decoded. Google's tokens have about 1 kB.
const maxToken = 8 << 10

// Options are New's settings.
type Options struct {
	Mode     Mode
	Audience string   // what the sender puts into "aud": the function's URL, as Terraform sets it
	Emails   []string // the service accounts that may call

	// HTTPClient fetches Google's public keys; nil is a client with a timeout of 5 s.
	HTTPClient *http.Client
	// Logger gets a line for each refused request; nil discards them.
	Logger *slog.Logger
	// Now judges expiry; nil is [time.Now]. Verify judges by the machine's clock too.
	Now func() time.Time
}

// Verifier checks requests. It is safe for concurrent use.
type Verifier struct {
	options   Options
	validator *idtoken.Validator // nil in mode IAM
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
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &Verifier{options: o}
	switch o.Mode {
	case IAM:
	case Verify:
		var err error
		// The context is for credentials, and keys are public.
		v.validator, err = idtoken.NewValidator(context.Background(), option.WithHTTPClient(o.HTTPClient))
		if err != nil {
			return nil, fmt.Errorf("making the token validator: %w", err)
		}
	default:
		return nil, fmt.Errorf("oidc mode is %q: want %q where IAM guards the service, %q where it is public", o.Mode, IAM, Verify)
	}
	return v, nil
}

// Middleware lets only allowed callers through to next. Others are answered 401
// without a valid token and 403 with somebody else's; the reason is in the log
// alone.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := v.Caller(r)
		if err == nil {
			next.ServeHTTP(w, r)
			return
		}
		v.options.Logger.WarnContext(r.Context(), "request refused", "error", err, "mode", string(v.options.Mode))
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
	payload, err := v.payload(r.Context(), token)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadToken, err)
	}
	if err := v.checkToken(payload); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadToken, err)
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

// bearer returns the token that Cloud Run looked at: X-Serverless-Authorization
// where it is sent, else Authorization
// (https://cloud.google.com/run/docs/authenticating/service-to-service).
func bearer(h http.Header) (string, error) {
	value := h.Get("X-Serverless-Authorization")
	if value == "" {
		value = h.Get("Authorization")
	}
	scheme, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", ErrNoToken
	}
	if len(token) > maxToken {
		return "", fmt.Errorf("%w: it has %d bytes", ErrBadToken, len(token))
	}
	return token, nil
}

// payload returns the token's claims, of a verified token in mode Verify.
func (v *Verifier) payload(ctx context.Context, token string) (p *idtoken.Payload, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it makes the parser panic")
		}
	}()
	if v.validator == nil {
		return idtoken.ParsePayload(token)
	}
	// Google signs these tokens with RS256. The library would take ES256 too, and
	// panics on a short signature (google.golang.org/api v0.311.0).
	if err := requireRS256(token); err != nil {
		return nil, err
	}
	return v.validator.Validate(ctx, token, v.options.Audience)
}

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

// checkToken checks what says that the token is Google's, for us and current. The
// library checks neither issuer nor, in mode IAM, anything.
func (v *Verifier) checkToken(p *idtoken.Payload) error {
	switch {
	case p.Issuer != "https://accounts.google.com" && p.Issuer != "accounts.google.com":
		return fmt.Errorf("its issuer is %.100q", p.Issuer)
	case p.Audience != v.options.Audience:
		return fmt.Errorf("its audience is %.200q, want %q", p.Audience, v.options.Audience)
	case v.options.Now().Unix() > p.Expires:
		return errors.New("it has expired")
	}
	return nil
}
