package local

import (
	"net/http"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
	"github.com/pongwatch/pongwatch/shared/access"
)

// functions are the four entry points, as the cloud deploys them.
type functions struct {
	healthCheck, metrics, alert, inbound access.Guarded
}

// newMux mounts the functions where one port can tell them apart. Alone in a service
// of its own, each answers at any path.
func newMux(f functions, commands http.Handler, d *demo, base string, e exposure) *access.Mux {
	mux := access.NewMux("")
	mux.Mount("/api/v1/health/redis", f.healthCheck)
	mux.Mount("/health", f.healthCheck)
	mux.Mount("POST /HealthCheck", f.healthCheck)
	mux.Mount("POST /Alert", f.alert)
	mux.Mount("/webhook/", f.inbound)
	mux.Mount("/", f.metrics)
	mux.Handle("POST "+CommandsPath, e.thisMachine(), commands)
	if d != nil {
		inbox.Mount(mux, e.thisMachine(), d.received, &inbox.Demo{Modes: modes, Current: d.current})
		mux.Handle("POST /demo/break", e.thisMachine(), http.HandlerFunc(d.breakHandler))
		mux.Handle("GET "+DemonstrationPath, e.thisMachine(), d.configurationHandler(base))
		mux.Handle("GET "+demoAppPath, e.thisMachine(), d.app)
		mux.Handle("POST "+demoAppPath, e.thisMachine(), d.app)
	}
	return mux
}
