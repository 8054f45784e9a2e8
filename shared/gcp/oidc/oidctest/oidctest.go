// Package oidctest issues OpenID Connect tokens like Google's, and serves the keys
// to verify them, in the process.
package oidctest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"sync/atomic"
	"time"
)

const keyID = "oidctest"

// Issuer stands for Google's accounts service.
type Issuer struct {
	key     *rsa.PrivateKey
	fetches atomic.Int64
}

// NewIssuer makes an issuer with a key of its own.
func NewIssuer() (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making the issuer's key: %w", err)
	}
	return &Issuer{key: key}, nil
}

// Client returns a client that gets the issuer's public keys from whatever URL it
// asks.
func (i *Issuer) Client() *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		i.fetches.Add(1)
		encode := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
		body, err := json.Marshal(map[string]any{"keys": []map[string]string{{
			"alg": "RS256", "kid": keyID, "kty": "RSA", "use": "sig",
			"n": encode(i.key.N), "e": encode(big.NewInt(int64(i.key.E))),
		}}})
		if err != nil {
			return nil, err
		}
		return &http.Response{
			StatusCode: http.StatusOK,
			Header:     http.Header{"Cache-Control": {"public, max-age=3600"}},
			Body:       io.NopCloser(bytes.NewReader(body)),
			Request:    r,
		}, nil
	})}
}

// Fetches returns how often the keys were fetched.
func (i *Issuer) Fetches() int { return int(i.fetches.Load()) }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Claims are a token's content.
type Claims map[string]any

// ClaimsOf returns what Cloud Scheduler sends as email to audience at now.
func ClaimsOf(email, audience string, now time.Time) Claims {
	return Claims{
		"iss": "https://accounts.google.com", "aud": audience, "sub": "113774264463038321964", "azp": "113774264463038321964",
		"email": email, "email_verified": true, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// With returns the claims with one changed, or removed if value is nil.
func (c Claims) With(name string, value any) Claims {
	changed := maps.Clone(c)
	if value == nil {
		delete(changed, name)
	} else {
		changed[name] = value
	}
	return changed
}

// Token returns a signed token.
func (i *Issuer) Token(c Claims) (string, error) {
	content, err := Content("RS256", c)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(content))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing the token: %w", err)
	}
	return content + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// Verified returns what a function behind IAM gets of a token for audience that Cloud Run has
// verified: its signature is replaced.
func Verified(email, audience string) string {
	content, err := Content("RS256", ClaimsOf(email, audience, time.Now()))
	if err != nil {
		panic(err) // strings and numbers can be encoded
	}
	return content + ".SIGNATURE_REMOVED_BY_GOOGLE"
}

// Content returns a token without its signature.
func Content(algorithm string, c Claims) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": algorithm, "kid": keyID, "typ": "JWT"})
	if err != nil {
		return "", fmt.Errorf("encoding the token's header: %w", err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encoding the token's claims: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload), nil
}
