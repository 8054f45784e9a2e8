package upstash

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// Outcome is what one request showed: all that [Classify] looks at.
type Outcome struct {
	// Err is the transport's error, nil when a complete answer came.
	Err error
	// Phase is the phase that the request was in when it ended.
	Phase Phase
	// Status is the HTTP status, 0 without an answer.
	Status int
	// ContentType is the answer's header of that name.
	ContentType string
	// Body is the answer's beginning; all of it for an answer that is to be understood.
	Body []byte
	// Ping says that the request was a PING, which only PONG answers.
	Ping bool
	// Proxy is the host and port of the proxy that the request goes through, "" without one.
	Proxy string
}

// errReplyTooBig ends the reading of an answer above the client's own bound.
var errReplyTooBig = errors.New("the answer is larger than the client reads")

// Classify names the reason of a failure, or returns "" for a good answer. It is pure
// and total: the same outcome has the same cause, and every outcome has one.
//
// An error text decides before the HTTP status, since Upstash's status for quota
// errors is not documented and gateways change it. The texts are collected from
// Upstash's documentation and from its users' reports.
func Classify(o Outcome) cause.Cause {
	if o.Err != nil {
		return classifyTransport(o)
	}
	if text, ok := errorText(o.Body); ok {
		if c := classifyText(text); c != cause.RedisError {
			return c
		}
		if c := classifyStatus(o); c != "" && c != cause.NotUpstash {
			return c
		}
		return cause.RedisError
	}
	if c := classifyStatus(o); c != "" {
		return c
	}
	if !wellFormed(o) {
		return cause.NotUpstash
	}
	return ""
}

// classifyStatus judges an answer whose text says nothing. It returns "" for a status
// that is no failure by itself.
func classifyStatus(o Outcome) cause.Cause {
	switch {
	case o.Status >= 500:
		return cause.Provider5xx
	case o.Status == http.StatusTooManyRequests:
		return cause.Throttled
	case o.Status == http.StatusProxyAuthRequired:
		return cause.Proxy
	case o.Status == http.StatusUnauthorized && !isHTML(o):
		return cause.AuthInvalid
	case o.Status == http.StatusRequestEntityTooLarge && !isHTML(o):
		return cause.RequestTooBig
	case o.Status < 200 || o.Status > 299:
		// Upstash answers JSON whatever the status; a page or a redirect is a gateway's.
		return cause.NotUpstash
	default:
		return ""
	}
}

// wellFormed reports whether the body is what Upstash answers on success: an object
// with a result, or for a pipeline an array.
func wellFormed(o Outcome) bool {
	if o.Ping {
		var reply struct {
			Result string `json:"result"`
		}
		return json.Unmarshal(o.Body, &reply) == nil && reply.Result == "PONG"
	}
	if isArray(o.Body) {
		return json.Valid(o.Body)
	}
	var reply struct {
		Result json.RawMessage `json:"result"`
	}
	return json.Unmarshal(o.Body, &reply) == nil && reply.Result != nil
}

func isArray(body []byte) bool {
	return strings.HasPrefix(strings.TrimLeft(string(body[:min(len(body), 64)]), " \t\r\n"), "[")
}

// isHTML goes by the header, and by the first character where a header lies.
func isHTML(o Outcome) bool {
	mediaType, _, _ := mime.ParseMediaType(o.ContentType)
	start := strings.TrimLeft(string(o.Body[:min(len(o.Body), 64)]), " \t\r\n\ufeff")
	return mediaType == "text/html" || mediaType == "application/xhtml+xml" || strings.HasPrefix(start, "<")
}

// errorText returns the text of {"error": "text"}.
func errorText(body []byte) (string, bool) {
	if isArray(body) || len(body) == 0 {
		return "", false
	}
	var reply struct {
		Error *string `json:"error"`
	}
	if json.Unmarshal(body, &reply) != nil || reply.Error == nil {
		return "", false
	}
	return *reply.Error, true
}

func classifyTransport(o Outcome) cause.Cause {
	var dns *net.DNSError
	switch {
	case errors.Is(o.Err, context.Canceled):
		return cause.Interrupted
	case isProxy(o):
		return cause.Proxy
	case errors.As(o.Err, &dns) && dns.IsNotFound:
		return cause.DNSNXDomain
	case dns != nil:
		return cause.DNSTemporary
	case errors.Is(o.Err, errReplyTooBig):
		if o.Ping {
			return cause.NotUpstash
		}
		return cause.RequestTooBig
	case isTimeout(o.Err) && o.Phase == PhaseDNS:
		return cause.DNSTemporary
	case isTimeout(o.Err) && slices.Contains([]Phase{PhaseNone, PhaseConnect, PhaseTLS}, o.Phase):
		return cause.TimeoutConnect
	case isTimeout(o.Err):
		return cause.TimeoutResponse
	case errors.Is(o.Err, syscall.ECONNREFUSED):
		return cause.TCPRefused
	case isUnreachable(o.Err):
		return cause.TimeoutConnect
	case isTLS(o.Err):
		return cause.TLS
	case isAny(o.Err, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED):
		return cause.ConnReset
	case o.Phase == PhaseTLS:
		return cause.TLS
	case o.Phase == PhaseRead:
		// Bytes came and the connection held, yet they were not HTTP.
		return cause.NotUpstash
	default:
		return cause.Unknown
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// isUnreachable covers what routers and local firewalls answer in place of silence.
func isUnreachable(err error) bool {
	return isAny(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.EPERM, syscall.EACCES)
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

func isTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		alert        tls.AlertError
		host         x509.HostnameError
		authority    x509.UnknownAuthorityError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &host) || errors.As(err, &authority) || errors.As(err, &invalid) ||
		errors.Is(err, http.ErrSchemeMismatch) || isAlert(err)
}

// isAlert reports a TLS alert, which also comes after the handshake: TLS 1.3 demands a client
// certificate only then. The alert's own type is not exported.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error")
}
