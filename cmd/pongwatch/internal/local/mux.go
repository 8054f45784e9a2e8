package local

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
)

// functions are the four entry points, as the cloud deploys them.
type functions struct {
	healthCheck, metrics, alert, inbound http.Handler
}

// newMux mounts the functions where one port can tell them apart. Alone in a service
// of its own, each answers at any path.
func newMux(f functions, c *caller, d *demo) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/api/v1/health/redis", f.healthCheck)
	mux.Handle("/health", f.healthCheck)
	mux.Handle("/", f.metrics)

	// In the cloud IAM closes these to strangers.
	mux.Handle("POST /HealthCheck", c.only(f.healthCheck))
	mux.Handle("POST /Metrics", c.only(f.metrics))
	mux.Handle("POST /Alert", c.only(f.alert))

	mux.Handle("/webhook/", http.StripPrefix("/webhook", f.inbound))

	if d != nil {
		pages := inbox.Handler(d.received, &inbox.Demo{Modes: modes, Current: d.current})
		mux.Handle("/inbox", pages)
		mux.Handle("/inbox.json", pages)
		mux.Handle("/inbox/", pages)
		mux.HandleFunc("POST /demo/break", d.breakHandler)
		mux.HandleFunc("GET "+DemonstrationPath, d.configurationHandler(c.base))
		mux.Handle(demoAppPath, d.app)
	}
	return mux
}

// guard refuses what a web page elsewhere could make a browser send here: writes from
// another origin, and, where only this machine may ask, requests to another name that
// points at it (DNS rebinding).
func guard(next http.Handler, loopbackOnly bool) http.Handler {
	protection := http.NewCrossOriginProtection()
	// The origin does not distinguish a signed link's confirmation page, or Slack's
	// servers, from others. AlertWebhook verifies signatures itself.
	protection.AddInsecureBypassPattern("/webhook/")
	next = protection.Handler(next)
	if !loopbackOnly {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			http.Error(w, "pongwatch local answers on this machine only: ask for 127.0.0.1 or localhost", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopback reports whether host, with or without a port, can only be this machine.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
