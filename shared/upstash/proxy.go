package upstash

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// errProxyAddress stands for an error of [http.ProxyFromEnvironment], whose text holds the
// proxy's password.
var errProxyAddress = errors.New("HTTPS_PROXY is not the address of a proxy")

// proxyRefusal is a proxy's answer to CONNECT other than 200.
type proxyRefusal struct{ status int }

func (e proxyRefusal) Error() string {
	return strings.TrimSpace(fmt.Sprintf("HTTP %d %s", e.status, http.StatusText(e.status))) + " in answer to CONNECT"
}

// proxyOf returns the function that a transport asks for its proxy, with errors that hold no
// password.
func proxyOf(find func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		u, err := find(r)
		if err != nil {
			return nil, errProxyAddress
		}
		return u, nil
	}
}

// refusedConnect is a transport's hook for the answer to CONNECT.
func refusedConnect(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return proxyRefusal{answer.StatusCode}
	}
	return nil
}

// isProxy reports whether the request failed between here and the proxy, or at the proxy. Up
// to the TLS handshake the proxy is all that was looked up, connected to and asked.
func isProxy(o Outcome) bool {
	if errors.Is(o.Err, errProxyAddress) {
		return true
	}
	if _, ok := errors.AsType[proxyRefusal](o.Err); ok {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](o.Err); ok && (op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks ")) {
		return true
	}
	return o.Proxy != "" && (o.Phase == PhaseDNS || o.Phase == PhaseConnect)
}

// proxyHost returns host and port of the proxy that a request goes through, without its user
// and password, or "".
func (c *Client) proxyHost(r *http.Request) string {
	if c.proxy == nil {
		return ""
	}
	u, err := c.proxy(r)
	if err != nil || u == nil {
		return ""
	}
	return u.Host
}
