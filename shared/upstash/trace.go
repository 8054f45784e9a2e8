package upstash

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// Phase is a part of one request's life.
type Phase string

// The phases in their order. A request on a kept connection begins with PhaseWrite,
// one to an IP address has no PhaseDNS, one over http no PhaseTLS.
const (
	PhaseNone    Phase = ""        // nothing was begun
	PhaseDNS     Phase = "dns"     // looking up the host
	PhaseConnect Phase = "connect" // connecting
	PhaseTLS     Phase = "tls"     // the TLS handshake
	PhaseWrite   Phase = "write"   // sending the request
	PhaseWait    Phase = "wait"    // waiting for the first byte of the answer
	PhaseRead    Phase = "read"    // reading the answer
)

// Phases says how long each phase of a request took; a phase that did not occur, or
// was not completed, is zero.
type Phases struct {
	DNS     time.Duration
	Connect time.Duration
	TLS     time.Duration
	// Wait is first byte of the answer minus request written: the latency.
	Wait time.Duration
	// Total is from the call to the last byte, or to the failure.
	Total time.Duration
}

// trace collects a request's moments, each as nanoseconds since start plus one, zero
// meaning never. The hooks run on the transport's goroutines, and a detached dial may
// run them after the request has ended: hence the atomics.
type trace struct {
	start                                                           time.Time
	dnsStart, dnsDone, connectStart, connectDone, tlsStart, tlsDone atomic.Int64
	gotConn, wrote, firstByte                                       atomic.Int64
}

// mark notes the first time that something happened, unless it failed.
func (t *trace) mark(moment *atomic.Int64, err error) {
	if err == nil {
		moment.CompareAndSwap(0, int64(time.Since(t.start))+1)
	}
}

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { t.mark(&t.dnsStart, nil) },
		DNSDone:  func(i httptrace.DNSDoneInfo) { t.mark(&t.dnsDone, i.Err) },
		// Several addresses may be tried at once: the first start, the first success.
		ConnectStart:         func(string, string) { t.mark(&t.connectStart, nil) },
		ConnectDone:          func(_, _ string, err error) { t.mark(&t.connectDone, err) },
		TLSHandshakeStart:    func() { t.mark(&t.tlsStart, nil) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { t.mark(&t.tlsDone, err) },
		GotConn:              func(httptrace.GotConnInfo) { t.mark(&t.gotConn, nil) },
		WroteRequest:         func(i httptrace.WroteRequestInfo) { t.mark(&t.wrote, i.Err) },
		GotFirstResponseByte: func() { t.mark(&t.firstByte, nil) },
	}
}

// phases returns the completed phases; Total is up to now.
func (t *trace) phases() Phases {
	return Phases{
		DNS:     between(&t.dnsStart, &t.dnsDone),
		Connect: between(&t.connectStart, &t.connectDone),
		TLS:     between(&t.tlsStart, &t.tlsDone),
		Wait:    between(&t.wrote, &t.firstByte),
		Total:   time.Since(t.start),
	}
}

// between is never negative: on loopback the answer can overtake the hook that
// reports the request as written. What did happen lasted at least a nanosecond.
func between(from, to *atomic.Int64) time.Duration {
	a, b := from.Load(), to.Load()
	if a == 0 || b == 0 {
		return 0
	}
	return max(time.Duration(b-a), 1)
}

// phase returns the phase that the request is in.
func (t *trace) phase() Phase {
	for _, last := range []struct {
		began *atomic.Int64
		phase Phase
	}{{&t.firstByte, PhaseRead}, {&t.wrote, PhaseWait}, {&t.gotConn, PhaseWrite}, {&t.tlsStart, PhaseTLS}, {&t.connectStart, PhaseConnect}, {&t.dnsStart, PhaseDNS}} {
		if last.began.Load() != 0 {
			return last.phase
		}
	}
	return PhaseNone
}
