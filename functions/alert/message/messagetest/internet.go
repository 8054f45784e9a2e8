package messagetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"time"
)

// Internet serves the hosts of production to this process, over HTTPS through a proxy,
// as the environment variables of both name it. Loopback stays reachable without.
// TestMain calls it once, because Go reads those variables once.
func Internet(h http.Handler, hosts ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: hosts,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	site := httptest.NewUnstartedServer(h)
	site.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	site.StartTLS()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || !slices.Contains(hosts, r.URL.Hostname()) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		there, err := net.Dial("tcp", site.Listener.Addr().String())
		if err != nil {
			panic(err)
		}
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			defer there.Close()
			_, _ = io.Copy(there, here)
		}()
		defer here.Close()
		_, _ = io.Copy(here, there)
	}))
	file, err := os.CreateTemp("", "authority-*.pem")
	if err != nil {
		return err
	}
	if err := pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		return err
	}
	for name, value := range map[string]string{"HTTPS_PROXY": proxy.URL, "SSL_CERT_FILE": file.Name(), "SSL_CERT_DIR": "/nonexistent", "NO_PROXY": ""} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}
