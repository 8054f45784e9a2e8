package upstash

import (
	"net/netip"
	"strings"
	"testing"
)

// FuzzURL reads whatever stands where the REST URL belongs. An accepted one sends the token
// by TLS or to this machine, to the host that it names; an error never quotes it.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"https://merry-cat-32748.upstash.io", "https://merry-cat-32748.upstash.io/", "HTTPS://A.upstash.io:443/prefix/", "http://127.0.0.1:8079", "http://[::1]:8079/a", "http://localhost.evil.example",
		"https://user:pass@h/", "https://h?x", "https://h#x", "rediss://default:pass@h:6379", "https://", "https:///x", "https://h\\@evil.example", "https://evil.example\x00.upstash.io", "https://[::1", "AX9sASQgNDk1", "https://h/%2e%2e/x",
		"http://127.0.0.1.evil.example", "https://h/\x1b[31m",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, raw string, allowHTTP bool) {
		u, err := parseURL(raw, allowHTTP)
		if err != nil {
			if len(raw) > 12 && strings.Contains(err.Error(), raw) && !strings.Contains("https://your-instance.upstash.io", raw) {
				t.Errorf("%q is quoted by its error: %v", raw, err)
			}
			return
		}
		if u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q is read as %+v", raw, u)
		}
		addr, _ := netip.ParseAddr(u.Hostname())
		if u.Scheme != "https" && (!allowHTTP || u.Scheme != "http" || !addr.Unmap().IsLoopback() && !strings.EqualFold(u.Hostname(), "localhost")) {
			t.Errorf("%q would send the token in plain text to %s", raw, u.Host)
		}
		if joined := u.JoinPath("pipeline"); joined.Host != u.Host || joined.Scheme != u.Scheme || !strings.HasSuffix(joined.Path, "pipeline") {
			t.Errorf("%q joined is %s", raw, joined)
		}
	})
}
