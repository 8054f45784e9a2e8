package top

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// canary stands in every key and argument of the mix.
const canary = "c4n4ry-7f3a9d51e0b8"

// part is a share of a mix of commands.
type part struct {
	percent int
	pattern string // "" for none
	client  string
	args    func(i int) []string
}

// shop is an app with a queue that idles, a limiter and a cache.
var shop = []part{
	{40, "bull:*:marker", "10.0.0.7:5%d", func(i int) []string {
		return []string{"bzpopmin", "bull:" + canary + ":marker", "5", fmt.Sprint(i), canary}
	}},
	{10, "bull:*:wait", "10.0.0.7:5%d", func(int) []string {
		return []string{"evalsha", canary, "2", "bull:" + canary + ":wait", canary, canary}
	}},
	{12, "rl:ip:*", "10.0.0.8:6%d", func(i int) []string { return []string{"INCR", fmt.Sprintf("rl:ip:%s%d", canary, i)} }},
	{12, "rl:user:*", "10.0.0.8:6%d", func(i int) []string { return []string{"INCR", fmt.Sprintf("rl:user:%s%d", canary, i)} }},
	{10, "ws:*:session:*", "0.0.0.0:0", func(i int) []string {
		return []string{"SET", fmt.Sprintf("ws:%d%s:session:%s", i, canary, canary), canary, "EX", canary}
	}},
	{8, "cart:*", "0.0.0.0:0", func(i int) []string { return []string{"HGETALL", fmt.Sprintf("cart:%s:%d", canary, i)} }},
	{5, "", "10.0.0.9:7%d", func(int) []string { return []string{"ping", canary} }},
	{3, "*", "10.0.0.9:7%d", func(int) []string { return []string{canary, canary, canary} }},
}

// play sends the mix to whoever reads MONITOR, so many commands a second, until ctx ends. Every
// hundred commands have the mix's shares.
func play(ctx context.Context, s *upstashtest.Server, perSecond int) (sent int) {
	var cycle []part
	for len(cycle) < 100 {
		for _, p := range shop {
			if have := int(float64(len(cycle)) * float64(p.percent) / 100); countOf(cycle, p) <= have {
				cycle = append(cycle, p)
			}
		}
	}
	cycle = cycle[:100]
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return sent
		case now := <-tick.C:
			for due := int(now.Sub(began).Seconds() * float64(perSecond)); sent < due; sent++ {
				p := cycle[sent%100]
				client := p.client
				if strings.Contains(client, "%") {
					client = fmt.Sprintf(client, sent%1000)
				}
				s.Observe(client, p.args(sent)...)
			}
		}
	}
}

func countOf(cycle []part, p part) (n int) {
	for _, c := range cycle {
		if c.percent == p.percent && c.pattern == p.pattern {
			n++
		}
	}
	return n
}

// client connects to the emulator, and counts the bytes that it receives.
func client(t *testing.T, url, token string, received *atomic.Int64) *upstash.Client {
	t.Helper()
	c, err := upstash.New(upstash.Options{
		URL: url, Token: secrets.New(token), AllowHTTP: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return countingConn{conn, received}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type countingConn struct {
	net.Conn
	received *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

// outputs are everything that a reader of the result could see.
func outputs(t *testing.T, r Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := errors.Join(r.Print(&b, 0), json.NewEncoder(&b).Encode(r)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSharesAreTrueAtEveryRate(t *testing.T) {
	for _, perSecond := range []int{100, 1000, 5000} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			t.Parallel()
			server := upstashtest.Start(t, upstashtest.Options{})
			var received atomic.Int64
			ctx, stop := context.WithCancel(t.Context())
			played := make(chan int)
			go func() { played <- play(ctx, server, perSecond) }()
			r, err := Run(ctx, Options{
				Database: "prod-cache", For: Longest, Client: client(t, server.URL(), server.Token(), &received),
				Month: Month{Plan: "payg", Traffic: 200 << 30},
				Watch: func(r Result) { // two seconds' commands, however long they take
					if r.Commands >= int64(2*perSecond) {
						stop()
					}
				},
			})
			stop()
			sent := <-played
			if err != nil {
				t.Fatal(err)
			}
			if r.Commands > int64(sent) || r.Unreadable != 0 || r.Source != "REST" {
				t.Fatalf("%d commands of %d, %d unreadable, over %s", r.Commands, sent, r.Unreadable, r.Source)
			}
			shares := map[string]float64{}
			for _, row := range r.Rows {
				shares[row.Pattern] += row.Share
			}
			for _, p := range shop {
				name := p.pattern
				if name == "*" {
					name = "" // of a command that is not known, no key is
				}
				want := float64(p.percent) / 100
				if name == "" {
					want = 0.08
				}
				// At the sample's ends a cycle of the mix is cut, which is a command more or less.
				if got := shares[name]; math.Abs(got-want) > max(0.05*want, 1.5/float64(r.Commands)) {
					t.Errorf("%q has %.4f of the commands, in truth %.4f", name, got, want)
				}
			}
			out := outputs(t, r)
			for _, hidden := range []string{canary, strings.ToUpper(canary), "c4n4ry", "7f3a9d51e0b8"} {
				if strings.Contains(out, hidden) {
					t.Errorf("the output holds the canary:\n%s", out)
				}
			}
			// What it says it cost is what the server counted and the network brought.
			counts := server.CommandCounts()
			if own := counts["MONITOR"]; r.Cost.Commands != own || server.Commands() < own {
				t.Errorf("it says that it cost %d commands, and the server counted %d", r.Cost.Commands, own)
			}
			for _, p := range shop {
				delete(counts, strings.ToUpper(p.args(0)[0]))
			}
			if delete(counts, "MONITOR"); len(counts) > 0 {
				t.Errorf("it ran more commands than MONITOR: %v", counts)
			}
			if wire := received.Load(); r.Cost.Bytes < wire*8/10 || r.Cost.Bytes > wire {
				t.Errorf("it says that it cost %d bytes, and the network brought %d", r.Cost.Bytes, wire)
			}
			if want := fmt.Sprintf("This sample cost 1 command and %s of traffic", size(r.Cost.Bytes)); !strings.Contains(out, want) {
				t.Errorf("the output lacks %q", want)
			}
			month := float64(r.Commands) * 0.92 / r.Seconds * 30 * 86400
			if got := float64(r.Total.CommandsAMonth); math.Abs(got-month) > 0.05*month || math.Abs(r.Total.Dollars-got/1e6*2) > 0.01 {
				t.Errorf("a month is %.0f commands and $%.2f, in truth %.0f", got, r.Total.Dollars, month)
			}
		})
	}
}

// refusing is a REST endpoint without MONITOR.
func refusing(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"ERR Command \"MONITOR\" is not allowed in REST or it has a special context path"}`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// redisTLS is a server of Redis' protocol over TLS that plays so many lines, then ends or waits.
func redisTLS(t *testing.T, password string, lines int, waits bool) *TCP {
	t.Helper()
	https := httptest.NewUnstartedServer(nil)
	https.StartTLS()
	t.Cleanup(https.Close)
	roots := https.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: https.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-ended })
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buffer := make([]byte, 1024)
		n, _ := conn.Read(buffer)
		if want := fmt.Sprintf("*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$%d\r\n%s\r\n", len(password), password); string(buffer[:n]) != want {
			io.WriteString(conn, "-WRONGPASS invalid password "+string(buffer[:n])+"\r\n")
			return
		}
		io.WriteString(conn, "+OK\r\n")
		_, _ = conn.Read(buffer)
		io.WriteString(conn, "+OK\r\n")
		for range lines {
			io.WriteString(conn, "+"+quoted("10.0.0.1:1", "GET", "user:"+canary)+"\r\n")
		}
		for waits {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
		}
	}()
	tcp, err := NewTCP(secrets.New("rediss://default:the-password@"+l.Addr().String()), roots)
	if err != nil {
		t.Fatal(err)
	}
	return tcp
}

func TestTCPWhereRESTRefuses(t *testing.T) {
	var n atomic.Int64
	rest := client(t, refusing(t), "the-token", &n)
	tests := []struct {
		name     string
		fallback *TCP
		count    int64
		says     string // in the error, "" for none
	}{
		{"a URL for TCP is used", redisTLS(t, "the-password", 50, true), 50, ""},
		{"without one the error says how to give it", nil, 0, "MONITOR: command_blocked"},
		{"a wrong password", redisTLS(t, "another", 0, false), 0, "AUTH over TCP: the server answers WRONGPASS"},
		{"a stream that ends early is half an answer", redisTLS(t, "the-password", 7, false), 7, "reading MONITOR: the stream ended after "},
	}
	for _, tt := range tests {
		ctx, stop := context.WithCancel(t.Context())
		r, err := Run(ctx, Options{Database: "prod-cache", For: Longest, Client: rest, Fallback: tt.fallback, Month: Month{Plan: "payg"}, Watch: func(r Result) {
			if tt.says == "" && r.Commands >= tt.count {
				stop()
			}
		}})
		stop()
		text := fmt.Sprint(err)
		if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(text, tt.says) || r.Commands != tt.count {
			t.Errorf("%s: %d commands, %v", tt.name, r.Commands, err)
		}
		if tt.count > 0 && (r.Source != "TCP" || !strings.Contains(outputs(t, r), "REST did not answer MONITOR (command_blocked)")) {
			t.Errorf("%s: over %s\n%s", tt.name, r.Source, outputs(t, r))
		}
		for _, secret := range []string{canary, "the-password", "the-token", "127.0.0.1", "another"} {
			if all := text + outputs(t, r); strings.Contains(all, secret) {
				t.Errorf("%s: it says %q:\n%s", tt.name, secret, all)
			}
		}
	}
}

func TestTCPAddresses(t *testing.T) {
	for address, says := range map[string]string{
		"rediss://default:secret@x.upstash.io:6379": "",
		"rediss://:secret@x.upstash.io":             "",
		"redis://127.0.0.1:6379":                    "",
		"redis://default:secret@x.upstash.io:6379":  "plain text",
		"https://x.upstash.io/secret":               "rediss://",
		"secret":                                    "cannot be read",
		"rediss://default:sec%ret@x.upstash.io":     "cannot be read",
		"":                                          "cannot be read",
	} {
		tcp, err := NewTCP(secrets.New(address), nil)
		if (err == nil) != (says == "") || err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: %v", address, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v %s", tcp, tcp, tcp, tcp), "secret") {
			t.Errorf("%q is printed", address)
		}
	}
}

func TestWhatMONITORMeets(t *testing.T) {
	server := upstashtest.Start(t, upstashtest.Options{})
	var n atomic.Int64
	tests := []struct {
		name  string
		token string
		fault upstashtest.Mode
		says  string
	}{
		{"a wrong token", "wrong", upstashtest.None, "auth_invalid"},
		{"the read-only token", server.ReadOnlyToken(), upstashtest.None, "readonly_token"},
		{"no commands left", server.Token(), upstashtest.QuotaMonthly, "quota_monthly"},
		{"a page in place of a stream", server.Token(), upstashtest.CaptivePortal, "not_upstash"},
		{"no answer", server.Token(), upstashtest.Hang, "timeout_response"},
	}
	for _, tt := range tests {
		if err := server.Break(upstashtest.Fault{Mode: tt.fault}); err != nil {
			t.Fatal(err)
		}
		timeout := 10 * time.Second
		if tt.fault == upstashtest.Hang {
			timeout = 100 * time.Millisecond
		}
		c, err := upstash.New(upstash.Options{URL: server.URL(), Token: secrets.New(tt.token), AllowHTTP: true, Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run(t.Context(), Options{Database: "prod-cache", For: time.Second, Client: c})
		if err == nil || !strings.Contains(err.Error(), tt.says) || r.Database != "" || strings.Contains(err.Error(), tt.token+" ") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	// A client that ends it has what came by then.
	if err := server.Break(upstashtest.Fault{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	played := make(chan int)
	go func() { played <- play(ctx, server, 2000) }()
	r, err := Run(ctx, Options{Database: "prod-cache", For: time.Minute, Client: client(t, server.URL(), server.Token(), &n), Watch: func(r Result) {
		if r.Commands > 100 {
			cancel()
		}
	}})
	<-played
	if err != nil || r.Commands < 100 || len(r.Notes) != 1 {
		t.Errorf("%d commands, %v, %v", r.Commands, r.Notes, err)
	}
}
