package upstash_test

import (
	"net/url"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// TestPhasesSayWhereTheTimeWent looks up a name, connects, shakes hands and waits, on
// real sockets.
func TestPhasesSayWhereTheTimeWent(t *testing.T) {
	s := upstashtest.Start(t, upstashtest.Options{Token: canary, TLS: true})
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	toLoopback := withResolver(t, 0, func(query dnsmessage.Message) *dnsmessage.Message {
		query.Response, query.Additionals = true, nil
		if q := query.Questions[0]; q.Type == dnsmessage.TypeA {
			query.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
				Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
			}}
		}
		return &query
	}, nil)
	toLoopback.URL = "https://emulated.example.com:" + u.Port()
	toLoopback.Token, toLoopback.RootCAs = secrets.New(canary), s.CA()
	c, err := upstash.New(toLoopback)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name  string
		fault upstashtest.Fault
		least time.Duration
	}{
		{"quick", upstashtest.Fault{}, 0},
		{"slow", upstashtest.Fault{Mode: upstashtest.Slow, Delay: 80 * time.Millisecond}, 80 * time.Millisecond},
	} {
		if err := s.Break(step.fault); err != nil {
			t.Fatal(err)
		}
		r := c.Ping(t.Context())
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		p := r.Phases
		for name, d := range map[string]time.Duration{"dns": p.DNS, "connect": p.Connect, "tls": p.TLS, "wait": p.Wait} {
			if d <= 0 {
				t.Errorf("%s: phase %s took %v", step.name, name, d)
			}
		}
		if sum := p.DNS + p.Connect + p.TLS + p.Wait; sum > p.Total {
			t.Errorf("%s: the phases take %v, the whole %v", step.name, sum, p.Total)
		}
		if r.Latency() < step.least {
			t.Errorf("%s: latency %v, want at least %v", step.name, r.Latency(), step.least)
		}
	}
}
