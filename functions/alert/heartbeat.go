package alert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
)

const (
	// beatTimeout bounds one beat. The tick waits for it, because a function has no CPU
	// once it has answered.
	beatTimeout = 5 * time.Second
	// beatEarly is how much before its time a beat is due, because ticks are not punctual to
	// the second.
	beatEarly = 30 * time.Second
)

// Heartbeat returns a function that sends one heartbeat, a GET for which any 2xx is a
// success. It returns nil where none is configured. Errors hold nothing of the address but
// scheme and host.
func Heartbeat(cfg *config.Config, o ReceiverOptions) func(context.Context) error {
	if !cfg.Heartbeat.URL.IsSet() {
		return nil
	}
	read := credential(cfg.Heartbeat.URL, o.Cache)
	var refused atomic.Bool // then the address may have been replaced and is read again
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, beatTimeout)
		defer cancel()
		address, err := read(ctx, refused.Load())
		if err != nil {
			return fmt.Errorf("reading the heartbeat's address: %w", err)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSpace(address.Reveal()), nil)
		if err != nil {
			return errors.New("asking the heartbeat's address: it is not a valid URL") // the error would quote it
		}
		req.Header.Set("User-Agent", "pongwatch")
		client := outbound.NewClient(outbound.Options{Hosts: []string{req.URL.Hostname()}, AllowLoopback: o.AllowLoopback, Timeout: beatTimeout})
		resp, err := client.Do(req)
		if err != nil {
			return fmt.Errorf("asking the heartbeat's address: %w", outbound.Error(err, outbound.Address(address)...))
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // only the status counts
		refused.Store(resp.StatusCode >= 400 && resp.StatusCode < 500)
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			return fmt.Errorf("asking the heartbeat's address: HTTP %d", resp.StatusCode)
		}
		return nil
	}
}

// beat sends the heartbeat after a tick that every shard took. It shows that ticks arrive,
// that states can be read and written, and that receivers can be reached. While a critical
// incident has reached no receiver it sends nothing, so that the service that waits for
// heartbeats raises its own alert. A heartbeat that fails fails no tick.
func (f *Function) beat(ctx context.Context) {
	if f.options.Heartbeat == nil {
		return
	}
	f.mu.Lock()
	unheard, due := len(f.unheard), !f.now().Before(f.beatAt.Add(f.config.Heartbeat.Every-beatEarly)) || f.beatAt.After(f.now())
	f.mu.Unlock()
	switch {
	case unheard > 0:
		f.log.WarnContext(ctx, "heartbeat withheld: a critical incident is undelivered", "event", eventHeartbeat, "shards", unheard)
		return
	case !due:
		return
	}
	if err := f.options.Heartbeat(ctx); err != nil {
		f.log.WarnContext(ctx, "heartbeat failed", "event", eventHeartbeat, "error", err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beatAt = f.now()
}
