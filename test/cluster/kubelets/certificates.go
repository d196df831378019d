package kubelets

import (
	"crypto"
	"crypto/tls"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/killorder/killorder/test/cluster/pki"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// certificates makes each node's serving certificate when it is first asked
// for, and keeps it.
type certificates struct {
	authority *pki.Authority
	key       crypto.Signer
	made      sync.Map // *scenario.Node -> *tls.Certificate
}

func newCertificates(authority *pki.Authority) (*certificates, error) {
	key, err := pki.NewKey()
	return &certificates{authority: authority, key: key}, err
}

func (c *certificates) of(node *scenario.Node, address netip.Addr) (*tls.Certificate, error) {
	if cert, ok := c.made.Load(node); ok {
		return cert.(*tls.Certificate), nil
	}
	subject := pkix.Name{CommonName: "system:node:" + node.Name, Organization: []string{"system:nodes"}}
	cert, err := c.authority.Serve(c.key, subject, node.Name, address.String())
	if err != nil {
		return nil, err
	}
	c.made.Store(node, cert)
	return cert, nil
}

// tlsConfig shows each caller the certificate of the node that the caller called.
// The caller may show a certificate but need not, because the caller may have a
// bearer token instead.
func (s *Server) tlsConfig(authority *pki.Authority, certs *certificates) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		ClientAuth: tls.VerifyClientCertIfGiven,
		ClientCAs:  authority.Pool(),
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			node := s.nodeAt(hello.Conn.LocalAddr())
			if node == nil {
				return nil, fmt.Errorf("no node at %s", hello.Conn.LocalAddr())
			}
			return certs.of(node, s.Address(node).Addr())
		},
	}
}

// nodeAt returns the node whose address a connection was made to.
func (s *Server) nodeAt(local net.Addr) *scenario.Node {
	tcp, ok := local.(*net.TCPAddr)
	if !ok {
		return nil
	}
	index := s.places.at(tcp.AddrPort())
	if index < 0 || index >= len(s.nodes) {
		return nil
	}
	return s.nodes[index]
}
