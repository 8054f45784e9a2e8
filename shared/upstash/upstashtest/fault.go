package upstashtest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// Mode is a way in which a server can fail.
type Mode string

// The modes. The texts are Upstash's; those that were never captured are marked in the README.
const (
	None Mode = "none"

	AuthInvalid      Mode = "auth"          // 401, today's text
	AuthOld          Mode = "auth_old"      // 401, the text until 2023
	AuthUserDisabled Mode = "user_disabled" // 401, "user is disabled"
	ReadonlyToken    Mode = "readonly"      // the standard token may not write

	QuotaMonthly Mode = "quota"        // every command is refused
	QuotaDaily   Mode = "quota_daily"  // every command is refused
	Suspended    Mode = "suspended"    // every command is refused: over the budget
	PlanLimit    Mode = "plan_limit"   // every command is refused: a limit of the fixed plan
	RateLimited  Mode = "rate_limited" // every command is refused, for a while
	Connections  Mode = "connections"  // every command is refused: too many TCP clients
	Loading      Mode = "loading"      // every command is refused: the server starts
	Full         Mode = "full"         // writes are refused, reads and deletes work
	WritePaused  Mode = "paused"       // writes are refused, as during an upgrade

	Throttled   Mode = "429"
	ServerError Mode = "5xx"  // 502 with an HTML page
	Slow        Mode = "slow" // answers after Fault.Delay, 1.2 s by default

	Hang       Mode = "hang"        // accepts, then no byte
	HangInside Mode = "hang_inside" // headers, then nothing more
	Refuse     Mode = "refuse"      // the port is closed
	Reset      Mode = "reset"       // the connection is reset before an answer
	Truncated  Mode = "truncated"   // the connection ends inside the answer

	ContentType        Mode = "content_type"   // 200 with PONG as plain text
	CaptivePortal      Mode = "captive_portal" // 200 with an HTML page
	Base64             Mode = "base64"         // encodes strings without a request to
	ForeignCertificate Mode = "certificate"    // a certificate of another authority, for another name; needs TLS
)

// Modes returns every mode, None first.
func Modes() []Mode {
	return []Mode{
		None, AuthInvalid, AuthOld, AuthUserDisabled, ReadonlyToken, QuotaMonthly, QuotaDaily, Suspended, PlanLimit, RateLimited,
		Connections, Loading, Full, WritePaused, Throttled, ServerError, Slow, Hang, HangInside, Refuse, Reset, Truncated, ContentType, CaptivePortal, Base64, ForeignCertificate,
	}
}

// Fault is a Mode with its figures.
type Fault struct {
	Mode Mode
	// Delay is how late Slow answers. Default 1.2 s.
	Delay time.Duration
}

// Break makes the server fail in that way from the next request on, and requests that
// hang now answer or end. Fault{} and None end the fault.
func (s *Server) Break(f Fault) error {
	if f.Mode == "" {
		f.Mode = None
	}
	if !slices.Contains(Modes(), f.Mode) {
		return fmt.Errorf("breaking the emulator: there is no mode %q; want one of %v", f.Mode, Modes())
	}
	if f.Mode == ForeignCertificate && s.certs == nil {
		return fmt.Errorf("breaking the emulator: mode %q needs TLS", f.Mode)
	}
	if f.Delay <= 0 {
		f.Delay = 1200 * time.Millisecond
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
	close(s.changed)
	s.changed = make(chan struct{})
	if f.Mode == Refuse {
		s.refuse()
		return nil
	}
	return s.reopen()
}

// Fault returns the fault in force.
func (s *Server) Fault() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// interfere applies the faults that concern a whole request, and reports whether it
// has dealt with it.
func (s *Server) interfere(w http.ResponseWriter, r *http.Request) bool {
	f := s.Fault()
	switch f.Mode {
	case AuthInvalid, AuthOld, AuthUserDisabled, Throttled:
		writeError(w, refusals[f.Mode].status, refusals[f.Mode].text)
	case ServerError:
		writePage(w, http.StatusBadGateway, "502 Bad Gateway")
	case CaptivePortal:
		writePage(w, http.StatusOK, "Welcome to Hotel Wi-Fi")
	case ContentType:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "PONG")
	case Slow:
		return !s.pause(r, f.Delay)
	case Hang, HangInside, Truncated:
		if f.Mode != Hang { // promise more than is sent
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "64")
			io.WriteString(w, `{"resu`)
			_ = http.NewResponseController(w).Flush()
		}
		if f.Mode != Truncated {
			s.hang(r)
		}
		panic(http.ErrAbortHandler)
	case Reset:
		reset(w)
	default:
		return false
	}
	return true
}

// hang waits until the client goes, the fault changes or the server closes.
func (s *Server) hang(r *http.Request) {
	s.mu.Lock()
	changed := s.changed
	s.mu.Unlock()
	select {
	case <-r.Context().Done():
	case <-changed:
	case <-s.closing:
	}
}

// pause waits for d and reports whether the request is still wanted.
func (s *Server) pause(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.closing:
		return true
	case <-r.Context().Done():
		return false
	}
}

// reset ends the connection with RST in place of FIN.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

func writePage(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n", title, title)
}

// refusals are the modes that refuse everything with the same text. Those of status 400 refuse each
// command, also of a pipeline; the others refuse the request.
var refusals = map[Mode]struct {
	status int
	text   string
}{
	AuthInvalid:      {http.StatusUnauthorized, textAuthInvalid},
	AuthOld:          {http.StatusUnauthorized, "Unauthorized"},
	AuthUserDisabled: {http.StatusUnauthorized, "WRONGPASS invalid username-password pair or user is disabled"},
	Throttled:        {http.StatusTooManyRequests, "ERR too many requests"},
	QuotaMonthly:     {http.StatusBadRequest, "ERR max requests limit exceeded. Limit: 500000, Usage: 500002. See https://upstash.com/docs/redis/troubleshooting/max_requests_limit for details"},
	QuotaDaily:       {http.StatusBadRequest, "ERR max daily request limit exceeded. Limit: 10000, Usage: 10001. See https://upstash.com/docs/redis/troubleshooting/max_daily_request_limit for details"},
	Suspended:        {http.StatusBadRequest, "ERR This database has been suspended for exceeding the defined budget limit. Please increase budget or switch to a Fixed plan on Upstash Console"},
	PlanLimit:        {http.StatusBadRequest, "ERR This database has reached current Fixed plan limits. Please upgrade manually or enable auto upgrade on Upstash Console"},
	RateLimited:      {http.StatusBadRequest, "ERR Your database has been temporarily rate-limited, please contact support@upstash.com for further details."},
	Connections:      {http.StatusBadRequest, "ERR max concurrent connections exceeded"},
	Loading:          {http.StatusBadRequest, "LOADING Redis is loading the dataset in memory"},
}

// Upstash's other texts, with their sources in the README.
const (
	textAuthInvalid  = "WRONGPASS invalid or missing auth token. See https://docs.upstash.com/redis/troubleshooting/http_unauthorized for details."
	textNoPermission = "NOPERM this user has no permissions to run the '%s' command or its subcommand"
	textFull         = "ERR DB capacity quota exceeded. Threshold: 268435456 bytes, Usage: 274604636 bytes. See https://upstash.com/docs/redis/troubleshooting/db_capacity_quota_exceeded for details"
	textPaused       = "READONLY Writes are temporarily rejected due to server upgrade"
	textTooBig       = "ERR max request size exceeded. Limit: %d bytes, Actual: %d bytes. See https://upstash.com/docs/redis/troubleshooting/max_request_size_exceeded for details"
	textNotAvailable = "ERR Command is not available: '%s'. See https://upstash.com/docs/redis/overall/rediscompatibility for details"
	textNotREST      = "ERR Command %q is not allowed in REST or it has a special context path"
)
