package pki

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"path/filepath"
	"testing"
)

func TestCertificatesVerify(t *testing.T) {
	written, err := NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	crt, key := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")
	if err := written.Write(crt, key); err != nil {
		t.Fatal(err)
	}
	authority, err := LoadAuthority(crt, key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	served, err := authority.Serve(signer, pkix.Name{CommonName: "system:node:a"}, "a", "127.10.0.1")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		make    func() (*Pair, error)
		der     []byte
		usage   x509.ExtKeyUsage
		names   []string
		wantErr bool
	}{
		"client":               {make: func() (*Pair, error) { return authority.Client("admin", "system:masters") }, usage: x509.ExtKeyUsageClientAuth},
		"server":               {make: func() (*Pair, error) { return authority.Server("s", "localhost", "127.0.0.1") }, usage: x509.ExtKeyUsageServerAuth, names: []string{"localhost", "127.0.0.1"}},
		"server, another name": {make: func() (*Pair, error) { return authority.Server("s", "localhost") }, usage: x509.ExtKeyUsageServerAuth, names: []string{"127.0.0.1"}, wantErr: true},
		"client as a server":   {make: func() (*Pair, error) { return authority.Client("admin") }, usage: x509.ExtKeyUsageServerAuth, wantErr: true},
		"node, shared key":     {der: served.Certificate[0], usage: x509.ExtKeyUsageServerAuth, names: []string{"a", "127.10.0.1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			der := test.der
			if test.make != nil {
				pair, err := test.make()
				if err != nil {
					t.Fatal(err)
				}
				loaded, err := tls.X509KeyPair(pair.Cert, pair.Key)
				if err != nil {
					t.Fatal(err)
				}
				der = loaded.Certificate[0]
			}
			leaf, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			_, err = leaf.Verify(x509.VerifyOptions{Roots: authority.Pool(), KeyUsages: []x509.ExtKeyUsage{test.usage}})
			for _, host := range test.names {
				if err == nil {
					err = leaf.VerifyHostname(host)
				}
			}
			if (err != nil) != test.wantErr {
				t.Errorf("verification: %v", err)
			}
		})
	}
}
