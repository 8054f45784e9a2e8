package outbound

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHideAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"dial tcp 34.1.2.3:443: connect: connection refused":                                    "dial tcp [address]:443: connect: connection refused",
		"dial tcp [2600:1f18::1]:443: i/o timeout":                                              "dial tcp [address]:443: i/o timeout",
		"read tcp 10.1.2.3:45678->34.1.2.3:443: read: connection reset by peer":                 "read tcp [address]:45678->[address]:443: read: connection reset by peer",
		"read tcp [fe80::1%eth0]:45678->[2600::1]:443: read: connection reset":                  "read tcp [address]:45678->[address]:443: read: connection reset",
		"lookup host on 10.0.0.2:53: no such host":                                              "lookup host on [address]:53: no such host",
		"lookup host on [fd00:ec2::253]:53: server misbehaving":                                 "lookup host on [address]:53: server misbehaving",
		"connect ECONNREFUSED 34.1.2.3:6379":                                                    "connect ECONNREFUSED [address]:6379",
		"connect EHOSTUNREACH 2600:1f18::1:6379":                                                "connect EHOSTUNREACH [address]",
		"host 34.1.2.3.":                                                                        "host [address].",
		"no route to 2600::1: give up":                                                          "no route to [address]: give up",
		`{"address":"34.1.2.3","port":443}`:                                                     `{"address":"[address]","port":443}`,
		"addr:34.1.2.3:443 addr:2600::1":                                                        "addr:[address]:443 addr:[address]",
		"::ffff:34.1.2.3":                                                                       "[address]",
		"::ffff:127.0.0.1 [::1]:8079 127.0.0.1:8079 0.0.0.0:80 [::]:80 127.9.8.7":               "::ffff:127.0.0.1 [::1]:8079 127.0.0.1:8079 0.0.0.0:80 [::]:80 127.9.8.7",
		"at 12:34:56 std::dec ActiveRecord::Bad Foo::Bar nginx/1.18.0 v1.2.3 00:1a:2b:3c:4d:5e": "at 12:34:56 std::dec ActiveRecord::Bad Foo::Bar nginx/1.18.0 v1.2.3 00:1a:2b:3c:4d:5e",
		"2026-11-22T18:22:01.123Z [main] caused by:":                                            "2026-11-22T18:22:01.123Z [main] caused by:",
		"":  "",
		":": ":",
	} {
		if got := HideAddresses(text); got != want {
			t.Errorf("%q becomes\n%q, want\n%q", text, got, want)
		}
	}
}

// No address of another machine stays, wherever in a text it stands and however it is written.
func TestNoAddressStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a netip.Addr
		if rapid.Bool().Draw(t, "of version 4") {
			a = netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, rapid.Uint32().Draw(t, "address"))))
		} else {
			// Addresses with runs of zeros are written in short.
			words := rapid.SliceOfN(rapid.OneOf(rapid.Just(uint16(0)), rapid.Uint16()), 8, 8).Draw(t, "address")
			var b []byte
			for _, w := range words {
				b = binary.BigEndian.AppendUint16(b, w)
			}
			a = netip.AddrFrom16([16]byte(b))
		}
		if own(a) {
			return // it stays
		}
		written := rapid.SampledFrom([]string{
			a.String(), a.StringExpanded(), netip.AddrPortFrom(a, 443).String(), strings.ToUpper(a.String()), "[" + a.String() + "]",
		}).Draw(t, "written")
		before := rapid.SampledFrom([]string{"", "dial tcp ", "read tcp 127.0.0.1:4567->", `{"a":"`, "(", "on ", "host=", "at, "}).Draw(t, "before")
		after := rapid.SampledFrom([]string{"", ": connect: connection refused", "->127.0.0.1:1: reset", `"}`, ").", ", then", " x", ";"}).Draw(t, "after")
		got := HideAddresses(before + written + after)
		if !strings.Contains(got, hiddenAddress) || strings.Contains(strings.ToLower(got), a.String()) || strings.Contains(got, a.StringExpanded()) {
			t.Fatalf("%q becomes %q", before+written+after, got)
		}
		if again := HideAddresses(got); again != got {
			t.Fatalf("%q becomes %q when asked again", got, again)
		}
	})
}

// An address that stands in the configuration in place of a name stays, because it has to be corrected.
// Those that it was resolved to, and others, go.
func TestAConfiguredAddressStays(t *testing.T) {
	err := &url.Error{Op: "Get", URL: "http://10.1.2.3:8080/health", Err: errors.New("dial tcp 10.1.2.3:8080: lookup on 10.0.0.2:53: refused")}
	if got, want := Error(err).Error(), "Get http://10.1.2.3:8080: dial tcp [address]:8080: lookup on [address]:53: refused"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := Redact("connect ECONNREFUSED 34.1.2.3:6379"), "connect ECONNREFUSED [address]:6379"; got != want {
		t.Errorf("an app's own words: %q, want %q", got, want)
	}
}
