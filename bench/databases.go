package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// databases are any number of Upstash databases that are well, in a process of their
// own, so that their work is not measured.
type databases struct {
	cmd   *exec.Cmd
	stdin io.Closer
	url   string
}

// startDatabases starts them with a round trip of that length. certificate names a
// PEM file of certificate and key; empty is plain http.
func startDatabases(ctx context.Context, certificate string, roundTrip time.Duration) (*databases, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "child", "databases", certificate, roundTrip.String())
	cmd.Stderr = os.Stderr
	stdin, url, err := startPrinting(cmd)
	if err != nil {
		return nil, fmt.Errorf("starting the databases: %w", err)
	}
	return &databases{cmd: cmd, stdin: stdin, url: url}, nil
}

// startUpstash starts databases that answer every command, over TLS. It returns the file of their authority.
func startUpstash(ctx context.Context, dir string) (d *databases, certificate string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	certificate = filepath.Join(dir, "upstash.pem")
	cmd := exec.CommandContext(ctx, self, "child", "upstash", certificate)
	cmd.Stderr = os.Stderr
	stdin, url, err := startPrinting(cmd)
	if err != nil {
		return nil, "", fmt.Errorf("starting the databases: %w", err)
	}
	return &databases{cmd: cmd, stdin: stdin, url: url}, certificate, nil
}

// serveUpstash is the child.
func serveUpstash(certificate string) error {
	s, err := upstashtest.New(upstashtest.Options{Token: token, TLS: true})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := os.WriteFile(certificate, s.CAPEM(), 0o600); err != nil {
		return err
	}
	fmt.Println(s.URL())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func (d *databases) stop() {
	_ = d.stdin.Close()
	_ = d.cmd.Wait() // it ends with its standard input
}

// serveDatabases is the child: it prints its URL and serves until its standard input ends.
func serveDatabases(ctx context.Context, certificate, roundTrip string) error {
	delay, err := time.ParseDuration(roundTrip)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	scheme := "http"
	if delay > 0 {
		listener = far{Listener: listener, roundTrip: delay}
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, certificate)
		if err != nil {
			return err
		}
		listener, scheme = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}), "https"
	}
	var pings atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) {
		pings.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"result":"PONG"}`)
	})
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strconv.FormatInt(pings.Load(), 10))
	})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = listener.Close()
	}()
	fmt.Println(scheme + "://" + listener.Addr().String())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	if err := server.Serve(listener); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// count gives how many pings the databases at the URL have answered.
func count(ctx context.Context, url string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/count", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(body), 10, 64)
}

// far is a listener a round trip away. What it sends arrives late, and the first answer two
// round trips late, because the kernel's handshake crossed loopback at once.
type far struct {
	net.Listener
	roundTrip time.Duration
}

func (f far) Accept() (net.Conn, error) {
	conn, err := f.Listener.Accept()
	return &farConn{Conn: conn, roundTrip: f.roundTrip, earliest: time.Now().Add(2 * f.roundTrip)}, err
}

// farConn delays what is written to it.
type farConn struct {
	net.Conn
	roundTrip time.Duration
	earliest  time.Time
}

func (c *farConn) Write(b []byte) (int, error) {
	time.Sleep(max(c.roundTrip, time.Until(c.earliest)))
	return c.Conn.Write(b)
}

// certify writes a certificate for loopback and its key into one PEM file, which is
// also the authority to trust.
func certify(dir string) (file string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	file = filepath.Join(dir, "loopback.pem")
	return file, os.WriteFile(file, text, 0o600)
}
