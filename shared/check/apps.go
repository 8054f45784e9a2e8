package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check/healthpage"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
)

const (
	// appTimeout bounds one request to an app, so that the slowest fits beside the
	// pings of a run.
	appTimeout = 4 * time.Second
	// limiterTimeout bounds the request that tests a limiter: @upstash/ratelimit waits 5 s.
	limiterTimeout = 8 * time.Second
	// maxRedirects is how often an app may send elsewhere on its own host.
	maxRedirects = 3
)

// Keys finds the keys that sign proof requests.
type Keys func(ctx context.Context) ([]signature.Key, error)

// ProofKeys finds them where the configuration says. While a key is being replaced its
// secret holds both, separated by white space.
func ProofKeys(c *config.Config, cache *secrets.Cache) Keys {
	return func(ctx context.Context) ([]signature.Key, error) {
		if !c.ProofKey.IsSet() {
			return nil, &Problem{Cause: cause.ConfigMissing, Evidence: "proof_key is not configured"}
		}
		entry, err := c.ProofKey.Get(ctx, cache)
		if err != nil {
			return nil, unresolved(ctx, fmt.Errorf("reading proof_key: %w", err))
		}
		keys, err := signature.ParseKeys(entry.Value.Reveal())
		if err != nil {
			return nil, &Problem{Cause: cause.ConfigInvalid, Evidence: "proof_key: " + err.Error()}
		}
		return keys, nil
	}
}

// Apps asks the services that use the databases. It reaches only the hosts of the
// configuration's health addresses. It is safe for concurrent use.
type Apps struct {
	client *http.Client
	keys   Keys
	// pauses are before the second and the third look for a proof.
	pauses [proofReads - 1]time.Duration
}

// NewApps returns the client for a configuration's apps. keys may be nil where no
// proof is asked for.
func NewApps(c *config.Config, keys Keys) *Apps {
	o := outbound.Options{AllowLoopback: c.Local(), Timeout: limiterTimeout}
	for _, d := range c.Databases {
		for _, app := range d.Apps {
			if u, err := url.Parse(app.HealthURL); err == nil && u.Host != "" {
				o.Hosts = append(o.Hosts, strings.ToLower(u.Hostname()))
			}
		}
	}
	client := outbound.NewClient(o)
	client.CheckRedirect = sameHost
	return &Apps{client: client, keys: keys, pauses: [...]time.Duration{600 * time.Millisecond, 1400 * time.Millisecond}}
}

// sameHost follows an app that only moves within itself, such as to a closing slash.
// A log-in page elsewhere is no answer.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if next.URL.Host != first.Host || next.URL.Scheme != first.Scheme || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// reply is what an app answered.
type reply struct {
	status int
	media  string
	body   []byte
}

func (r reply) ok() bool { return r.status/100 == 2 }

// describe names the kind of the answer, without its content.
func (r reply) describe() string {
	if r.media == "" {
		return fmt.Sprintf("HTTP %d", r.status)
	}
	return fmt.Sprintf("HTTP %d, %s", r.status, r.media)
}

// exchange makes one request. A message that is sent has the headers of its signature.
func (a *Apps) exchange(ctx context.Context, timeout time.Duration, method, address string, body []byte, signed http.Header) (reply, error) {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, method, address, bytes.NewReader(body))
	if err != nil {
		return reply{}, unreachable("the health address cannot be asked")
	}
	maps.Copy(req.Header, signed)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "pongwatch")
	resp, err := a.client.Do(req)
	if err != nil {
		return reply{}, unanswered(ctx, timeout, err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode}
	r.media, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		return r, unreachable("HTTP %d, redirects to %s", r.status, to.Host)
	}
	if r.body, err = outbound.ReadAll(resp.Body, healthpage.MaxBytes); err != nil {
		return r, unanswered(ctx, timeout, err)
	}
	return r, nil
}

// unanswered is why there is no answer; its text names the host at most.
func unanswered(ctx context.Context, timeout time.Duration, err error) error {
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return unreachable("no answer within %v", timeout)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return unreachable("the answer ended too early")
	}
	return unreachable("%v", outbound.Error(err))
}

func unreachable(format string, args ...any) error {
	return &Problem{Cause: cause.AppUnreachable, Evidence: fmt.Sprintf(format, args...)}
}

// pause waits before a question is repeated; times says how often it was repeated so far.
func (a *Apps) pause(ctx context.Context, times int) error {
	select {
	case <-time.After(a.pauses[times]):
		return nil
	case <-ctx.Done():
		return errInterrupted
	}
}
