package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

const token = "AXXXASQgMGE1YjBjYzItNGQyZi00ZmI0LWE1ZTQtMmQ1YzA5ZGI2ZTkw"

// databases are any number of Upstash databases at one address that are well.
type databases struct {
	url         string
	certificate string // the file of their authority
	pings       atomic.Int64
}

// databases starts some that are a round trip away, with TLS or without.
func (l *lab) databases(ctx context.Context, tls bool, roundTrip time.Duration) (*databases, error) {
	db := &databases{certificate: filepath.Join(l.dir, "upstash.pem")}
	s, err := upstashtest.New(upstashtest.Options{Token: token, TLS: tls, Observe: func(r *http.Request) {
		if r.URL.Path == "/ping" {
			db.pings.Add(1)
		}
	}})
	if err != nil {
		return nil, err
	}
	l.stops = append(l.stops, s.Close)
	db.url = s.URL()
	if tls {
		if err := os.WriteFile(db.certificate, s.CAPEM(), 0o600); err != nil {
			return nil, err
		}
	}
	if roundTrip == 0 {
		return db, nil
	}
	u, err := url.Parse(db.url)
	if err != nil {
		return nil, err
	}
	near := u.Host
	u.Host, err = l.far(ctx, near, roundTrip)
	db.url = u.String()
	return db, err
}

// far listens in front of an address, a round trip away, and returns where.
func (l *lab) far(ctx context.Context, address string, roundTrip time.Duration) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	l.stops = append(l.stops, func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go delay(ctx, client, address, roundTrip)
		}
	}()
	return listener.Addr().String(), nil
}

// delay connects a client. What it receives arrives late, and the first answer two round trips late, because the
// kernel's handshake crossed loopback at once.
func delay(ctx context.Context, client net.Conn, address string, roundTrip time.Duration) {
	defer client.Close()
	earliest := time.Now().Add(2 * roundTrip)
	server, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(server, client) }() // ends with either connection
	buffer := make([]byte, 16<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		time.Sleep(max(roundTrip, time.Until(earliest)))
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// entries are entries of a configuration's list of databases, as long as real ones: with the token, or for one of a bundle.
func (db *databases) entries(shard string, from, to int, token string) string {
	if token != "" {
		token = ", token: " + token
	}
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "  - {name: %s, shard: %s, url: %q%s, plan: payg, region: us-east-1, environment: production, "+
			"database_id: 6a1f2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, limits: {memory: 10GB}, checks: {round_trip: {enabled: false}}, thresholds: {latency: {open: 900ms}}}\n",
			databaseName(i), shard, db.url, token)
	}
	return b.String()
}

func databaseName(i int) string { return fmt.Sprintf("customer-%05d-production-cache", i) }
