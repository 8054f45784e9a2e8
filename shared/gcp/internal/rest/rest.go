// Package rest reads resources of Google's APIs by plain GET requests, because Google's
// clients would lengthen every cold start.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"cloud.google.com/go/auth/credentials"

	"github.com/pongwatch/pongwatch/shared/gcp/internal/emulator"
)

const (
	// Timeout bounds one request, and callers bound their sequences by it.
	Timeout = 4 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 1 << 20
	scope     = "https://www.googleapis.com/auth/cloud-platform"
)

// Why there is no answer; test with [errors.Is].
var (
	ErrDenied      = errors.New("access denied")
	ErrNotFound    = errors.New("not found")
	ErrUnavailable = errors.New("no usable answer")
)

// Client reads one API. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	base  string
	hint  string
	token func(context.Context) (string, error)
}

// New returns a client of the API at host, "run.googleapis.com", with the process's Google
// credentials. Where emulatorHost, the value of the variable, is not empty, the client is one of the
// emulator there. It looks for credentials and connects to nothing. hint says which role is missing when access is denied.
func New(host, variable, emulatorHost, hint string) (*Client, error) {
	c := &Client{
		http: &http.Client{
			Timeout: Timeout,
			// No redirect carries a token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		base: "https://" + host, hint: hint,
	}
	if emulatorHost != "" {
		if err := emulator.Check(variable, emulatorHost); err != nil {
			return nil, err
		}
		c.base = "http://" + emulatorHost
		c.token = func(context.Context) (string, error) { return "owner", nil }
		return c, nil
	}
	found, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{scope}})
	if err != nil {
		return nil, fmt.Errorf("making the client of %s: %w", host, err)
	}
	c.token = func(ctx context.Context) (string, error) {
		t, err := found.Token(ctx)
		if err != nil {
			return "", err
		}
		return t.Value, nil
	}
	return c, nil
}

// Get reads one resource by its path. No error quotes an answer's body, which may hold values.
func (c *Client) Get(ctx context.Context, path string, query url.Values, into any) error {
	token, err := c.token(ctx)
	if err != nil {
		return fmt.Errorf("%w: no token: %w", ErrUnavailable, err)
	}
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("%w: %q is not the name of a resource", ErrNotFound, path)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("%w: HTTP %d: %s", ErrDenied, resp.StatusCode, c.hint)
	case http.StatusNotFound:
		return fmt.Errorf("%w: HTTP 404", ErrNotFound)
	default:
		return fmt.Errorf("%w: HTTP %d", ErrUnavailable, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if len(body) > maxAnswer || json.Unmarshal(body, into) != nil {
		return fmt.Errorf("%w: an answer that is too large or no JSON", ErrUnavailable)
	}
	return nil
}
