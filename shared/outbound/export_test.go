package outbound

import "net/http"

// Control is what PublicOnly asks about a resolved address.
func Control(o Options, address string) error { return o.control("tcp", address, nil) }

// Behind replaces the transport behind a client's rules.
func Behind(c *http.Client, next http.RoundTripper) { c.Transport.(*pinned).next = next }
