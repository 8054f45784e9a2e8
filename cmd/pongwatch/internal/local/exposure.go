package local

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/job"
)

// exposure says who else may reach the process. The zero value is this machine alone, asked
// by a loopback name.
type exposure struct {
	// open is --expose.
	open bool
	// hosts are the names that readers may ask for, in lower case.
	hosts []string
	// proxies are the addresses whose forwarded requests are taken.
	proxies []netip.Prefix
	// tls is nil where this process serves plain HTTP.
	tls *tls.Config
}

// newExposure checks the options that belong to --expose.
func newExposure(o Options) (e exposure, err error) {
	host, _, err := net.SplitHostPort(o.Addr)
	switch {
	case err != nil:
		return e, fmt.Errorf("--addr %q: want host and port, such as 127.0.0.1:8080", o.Addr)
	case !o.Expose && !isLoopback(host):
		return e, fmt.Errorf("--addr %q: other machines could reach it; want a loopback address, such as 127.0.0.1:8080, or --expose as well", o.Addr)
	case !o.Expose && len(o.Hosts)+len(o.TrustedProxies) > 0:
		return e, errors.New("--host and --trusted-proxy say who else may reach the pages; want --expose as well")
	case (o.TLSCert == "") != (o.TLSKey == ""):
		return e, errors.New("--tls-cert and --tls-key belong together; want both, such as --tls-cert fullchain.pem --tls-key privkey.pem")
	case o.Expose && o.TLSCert == "" && len(o.TrustedProxies) == 0:
		return e, errors.New("--expose: read tokens would travel in plain text; want --tls-cert and --tls-key, or --trusted-proxy with the address of the proxy that speaks TLS, such as 10.0.0.2")
	}
	e.open = o.Expose
	for _, name := range o.Hosts {
		if name != hostname(name) || strings.ContainsAny(name, "/ *") || name == "" {
			return e, fmt.Errorf("--host %q: want the name that readers ask for, in lower case and without a port, such as pongwatch.example.com", name)
		}
		e.hosts = append(e.hosts, name)
	}
	if ip, err := netip.ParseAddr(host); err == nil && !ip.IsUnspecified() && !ip.IsLoopback() {
		e.hosts = append(e.hosts, ip.String())
	}
	if o.Expose && len(e.hosts) == 0 {
		return e, errors.New("--expose: want --host with each name that readers ask for, such as --host pongwatch.example.com")
	}
	for _, text := range o.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if ip, errIP := netip.ParseAddr(text); errIP == nil {
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil || p.Bits() == 0 {
			return e, fmt.Errorf("--trusted-proxy %q: want an address or a range, such as 10.0.0.2 or 10.0.0.0/28", text)
		}
		e.proxies = append(e.proxies, p)
	}
	if o.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
		if err != nil {
			return e, fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		e.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	return e, nil
}

// url returns the address that readers of an exposed process ask for.
func (e exposure) url(port int) string {
	if e.tls != nil && port != 443 {
		return "https://" + net.JoinHostPort(e.hosts[0], strconv.Itoa(port))
	}
	return "https://" + e.hosts[0]
}

// guard refuses what reaches the process by a way that was not opened, and what a web page
// elsewhere could make a browser send: writes from another origin, and requests to another
// name that points here (DNS rebinding).
func (e exposure) guard(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	// The origin does not distinguish a signed link's confirmation page, or Slack's
	// servers, from others. AlertWebhook verifies signatures itself.
	protection.AddInsecureBypassPattern("/webhook/")
	next = protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, reason := e.refusal(r); status != 0 {
			job.WriteError(w, status, reason)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refusal returns why a request is refused, 0 if it is not.
func (e exposure) refusal(r *http.Request) (status int, reason string) {
	proxy, forwarded, here, host := e.isProxy(r), hasForwarded(r.Header), fromHere(r), r.Host
	if proxy {
		host = cmp.Or(last(r.Header, "X-Forwarded-Host"), host)
	}
	switch {
	case forwarded && !proxy:
		return http.StatusForbidden, "this request was forwarded, and --trusted-proxy does not name who forwarded it"
	case proxy && !strings.EqualFold(cmp.Or(last(r.Header, "X-Forwarded-Proto"), "https"), "https"):
		return http.StatusForbidden, "the proxy was asked in plain text, in which a read token would be seen; ask for https"
	case e.open && r.TLS == nil && !proxy && !here:
		return http.StatusForbidden, "this address is for the proxy alone; ask the proxy by https"
	case slices.Contains(e.hosts, hostname(host)), here && !forwarded && atLoopback(r, host):
		return 0, ""
	case e.open:
		return http.StatusMisdirectedRequest, "this host is not among those that --host names"
	}
	return http.StatusMisdirectedRequest, "pongwatch local answers on this machine only: ask for 127.0.0.1 or localhost"
}

// thisMachine lets only requests through that a program of this machine made, at a name
// that can only be this machine. A proxy's are never among them, even where the proxy runs
// here and hides whom it stands for.
func (e exposure) thisMachine() access.Guard {
	return access.NewGuard("this machine", func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !e.direct(r) {
				job.WriteError(w, http.StatusForbidden, "this is for this machine only, asked directly at 127.0.0.1 or localhost")
				return
			}
			next.ServeHTTP(w, r)
		})
	})
}

// direct reports whether a program of this machine made the request, without a proxy.
func (e exposure) direct(r *http.Request) bool {
	return r.TLS == nil && !hasForwarded(r.Header) && !e.isProxy(r) && fromHere(r) && atLoopback(r, r.Host)
}

// isProxy reports whether a trusted proxy sent the request.
func (e exposure) isProxy(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && slices.ContainsFunc(e.proxies, func(p netip.Prefix) bool { return p.Contains(from.Addr().Unmap()) })
}

// fromHere reports whether a program of this machine sent the request.
func fromHere(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && (from.Addr().Unmap().IsLoopback() || from.Addr().Unmap() == localIP(r.Context()))
}

// atLoopback reports whether host is a loopback name, or the address at which r arrived.
func atLoopback(r *http.Request, host string) bool {
	ip, err := netip.ParseAddr(hostname(host))
	return isLoopback(host) || err == nil && ip.Unmap() == localIP(r.Context())
}

// localIP returns the address at which the server of ctx was asked, zero where it is not known.
func localIP(ctx context.Context) netip.Addr {
	if at, ok := ctx.Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return at.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// hasForwarded reports whether a request says that it stands for another's.
func hasForwarded(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "X-Forwarded") || strings.HasPrefix(name, "X-Original") ||
			slices.Contains([]string{"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip"}, name) {
			return true
		}
	}
	return false
}

// last returns the last value of a header that may be a list: the nearest proxy's.
func last(h http.Header, name string) string {
	values := h.Values(name)
	if len(values) == 0 {
		return ""
	}
	all := strings.Split(values[len(values)-1], ",")
	return strings.TrimSpace(all[len(all)-1])
}

// hostname returns host in lower case, without port, brackets and a closing dot.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

// isLoopback reports whether host, with or without a port, can only be this machine.
func isLoopback(host string) bool {
	host = hostname(host)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
