package access

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/job"
)

// bodyTimeout is how long a request's body may take to arrive.
const bodyTimeout = 10 * time.Second

// A Guard decides who reaches a route. The zero value refuses everyone.
type Guard struct {
	name string
	wrap func(http.Handler) http.Handler
}

// NewGuard returns the guard of that name, which wraps a route's handler.
func NewGuard(name string, wrap func(http.Handler) http.Handler) Guard { return Guard{name, wrap} }

// Anyone lets everyone through, to what neither reveals nor changes anything.
func Anyone() Guard { return Guard{"anyone", unchanged} }

// Signed is for handlers that verify a signature over the request themselves, because it
// covers the body.
func Signed() Guard { return Guard{"signature", unchanged} }

// Callers lets those through whom authorize lets through: Google's Scheduler and Pub/Sub,
// or what stands in for them. Without authorize nobody may call.
func Callers(authorize func(http.Handler) http.Handler) Guard { return Guard{"caller", authorize} }

func unchanged(h http.Handler) http.Handler { return h }

// Inside returns g with outer around it, whose headers also reach those whom g refuses.
func (g Guard) Inside(outer func(http.Handler) http.Handler) Guard {
	return Guard{g.name, func(next http.Handler) http.Handler { return outer(g.protect(next)) }}
}

func (g Guard) protect(next http.Handler) http.Handler {
	if g.wrap == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			job.WriteError(w, http.StatusForbidden, "no one may call this: it was set up without a guard")
		})
	}
	return g.wrap(next)
}

// A Route is one registration of a [Mux].
type Route struct {
	Pattern string // of [http.ServeMux], such as "GET /health"
	Guard   string // the guard's name
}

// Guarded is a handler whose routes have guards of their own.
type Guarded interface {
	http.Handler
	Routes() []Route
}

// Mux serves routes, each behind a guard. It is the only way to mount a handler, so that
// none is without one. A request's body must arrive within 10 s.
type Mux struct {
	mount  string
	mux    http.ServeMux
	routes []Route
}

// NewMux returns a mux without routes. Where one server has every function, each stands
// below its own name: mount, such as "/Metrics", which is stripped from paths.
func NewMux(mount string) *Mux { return &Mux{mount: mount} }

// Handle serves pattern by h, behind g.
func (m *Mux) Handle(pattern string, g Guard, h http.Handler) {
	m.routes = append(m.routes, Route{pattern, g.name})
	m.mux.Handle(pattern, g.protect(h))
}

// Mount serves pattern by the routes of sub. A pattern that ends with a slash is stripped
// from paths.
func (m *Mux) Mount(pattern string, sub Guarded) {
	m.routes = append(m.routes, Route{pattern, "routes of its own"})
	var h http.Handler = sub
	if prefix, ok := strings.CutSuffix(pattern, "/"); ok {
		h = http.StripPrefix(prefix, sub)
	}
	m.mux.Handle(pattern, h)
}

// Routes returns what was registered, in order.
func (m *Mux) Routes() []Route { return slices.Clone(m.routes) }

// ServeHTTP implements [http.Handler].
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, m.mount); m.mount != "" && ok && (rest == "" || rest[0] == '/') {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = "/"+strings.TrimPrefix(rest, "/"), ""
	}
	if r.Body != nil && r.Body != http.NoBody {
		c := http.NewResponseController(w)
		if c.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil {
			r.Body = &timedBody{r.Body, c}
		}
	}
	m.mux.ServeHTTP(w, r)
}

// timedBody lifts the deadline once the body is read. Otherwise net/http, which watches the
// connection from then on, would take the deadline for the end of the client.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
