package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"

	"github.com/pongwatch/pongwatch/shared/gcp/internal/client"
)

// The environment variables that point at servers on loopback which speak the two APIs over plain
// HTTP, such as "127.0.0.1:8087".
const (
	EmulatorVariable           = "PONGWATCH_CLOUDRUN_EMULATOR_HOST"
	MonitoringEmulatorVariable = "PONGWATCH_CLOUDMONITORING_EMULATOR_HOST"
)

const (
	// timeout bounds one reading with all of its requests.
	timeout = 4 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 1 << 20
)

// Why there is no answer; test with [errors.Is].
var (
	ErrDenied      = errors.New("access denied")
	ErrNotFound    = errors.New("not found")
	ErrUnavailable = errors.New("no usable answer")
	// ErrNoData says that the span has no requests, or that the API does not have them yet.
	ErrNoData = errors.New("no data")
)

// Client reads services. It is safe for concurrent use.
type Client struct {
	http            http.Client
	run, monitoring api

	mu          sync.Mutex
	credentials *auth.Credentials
}

// api is one of the two APIs, or its emulator.
type api struct{ host, role, variable, emulator string }

// New returns a client with the process's Google credentials, for which it looks on its first request. Where
// the address of an emulator is not empty, the client asks that one.
func New(runEmulator, monitoringEmulator string) *Client {
	return &Client{
		http: http.Client{
			Timeout: timeout,
			// No redirect carries a token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		run:        api{"run.googleapis.com", "roles/run.viewer on it", EmulatorVariable, runEmulator},
		monitoring: api{"monitoring.googleapis.com", "roles/monitoring.viewer on the app's project", MonitoringEmulatorVariable, monitoringEmulator},
	}
}

// get reads one resource by its path. No error quotes an answer's body, which may hold values.
func (c *Client) get(ctx context.Context, from api, path string, query url.Values, into any) error {
	address := "https://" + from.host + path
	if from.emulator != "" {
		if err := client.CheckEmulator(from.variable, from.emulator); err != nil {
			return err
		}
		address = "http://" + from.emulator + path
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("%w: %q is not the name of a resource", ErrNotFound, path)
	}
	token, err := c.token(ctx, from)
	if err != nil {
		return fmt.Errorf("%w: no token: %w", ErrUnavailable, err)
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
		return fmt.Errorf("%w: HTTP %d: grant %s to this function's service account", ErrDenied, resp.StatusCode, from.role)
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

// token returns an access token, which emulators call "owner".
func (c *Client) token(ctx context.Context, from api) (string, error) {
	if from.emulator != "" {
		return "owner", nil
	}
	found, err := c.found()
	if err != nil {
		return "", err
	}
	t, err := found.Token(ctx)
	if err != nil {
		return "", err
	}
	return t.Value, nil
}

// found returns the process's credentials, which keep their token. The lock is not held while a token is fetched,
// because the deadlines of other requests would not count meanwhile.
func (c *Client) found() (*auth.Credentials, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.credentials == nil {
		found, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}})
		if err != nil {
			return nil, err
		}
		c.credentials = found
	}
	return c.credentials, nil
}
