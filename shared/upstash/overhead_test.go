package upstash

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/secrets"
)

// stub answers PONG without a network.
type stub struct{}

func (stub) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"result":"PONG"}`)),
	}, nil
}

// BenchmarkPing compares the client with an http.Client that has the same trace,
// deadline and decoding; the budget is 5 µs and 40 allocations more.
func BenchmarkPing(b *testing.B) {
	b.Run("impl=raw", func(b *testing.B) {
		client := &http.Client{Transport: stub{}}
		b.ReportAllocs()
		for b.Loop() {
			if err := rawPing(b.Context(), client); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("impl=client", func(b *testing.B) {
		c := stubClient(b)
		b.ReportAllocs()
		for b.Loop() {
			if r := c.Ping(b.Context()); r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	})
}

func stubClient(tb testing.TB) *Client {
	tb.Helper()
	c, err := New(Options{URL: "https://us1-merry-cat-32748.upstash.io", Token: secrets.New(testToken), Transport: stub{}})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func rawPing(ctx context.Context, client *http.Client) error {
	t := &trace{start: time.Now()}
	ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(ctx, t.hooks()), 4*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://us1-merry-cat-32748.upstash.io/ping", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var reply struct {
		Result string `json:"result"`
	}
	return json.NewDecoder(resp.Body).Decode(&reply)
}

// TestPingAllocatesLittle holds the budget's second half, which no busy machine disturbs.
func TestPingAllocatesLittle(t *testing.T) {
	c, client := stubClient(t), &http.Client{Transport: stub{}}
	raw := testing.AllocsPerRun(100, func() { _ = rawPing(t.Context(), client) })
	ours := testing.AllocsPerRun(100, func() { c.Ping(t.Context()) })
	if ours > raw+40 {
		t.Errorf("%.0f allocations a PING, %.0f without the client: want at most 40 more", ours, raw)
	}
}
