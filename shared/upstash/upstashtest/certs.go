package upstashtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// certificates are the server's own, and those of a proxy that opens TLS.
type certificates struct {
	pool         *x509.CertPool
	pem          []byte
	own, foreign tls.Certificate
}

func newCertificates() (*certificates, error) {
	ca, err := issue(nil, authority("upstashtest CA"))
	if err != nil {
		return nil, err
	}
	own, err := issue(ca, &x509.Certificate{
		DNSNames:    []string{"localhost", "emulated.example.com"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	})
	if err != nil {
		return nil, err
	}
	other, err := issue(nil, authority("Example Corp TLS Inspection"))
	if err != nil {
		return nil, err
	}
	foreign, err := issue(other, &x509.Certificate{DNSNames: []string{"proxy.example.com"}})
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	return &certificates{pool: pool, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Leaf.Raw}), own: *own, foreign: *foreign}, nil
}

// listener wraps l in TLS; the fault decides anew about each handshake.
func (c *certificates) listener(l net.Listener, fault func() Fault) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if fault().Mode == ForeignCertificate {
				return &c.foreign, nil
			}
			return &c.own, nil
		},
	})
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// issue makes a certificate by ca, or by itself where ca is nil. It allows for clocks that
// differ, and for a demonstration that runs for long.
func issue(ca *tls.Certificate, template *x509.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template.SerialNumber = big.NewInt(now.UnixNano())
	template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(365*24*time.Hour)
	parent, signer := template, any(key)
	if ca != nil {
		template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}
