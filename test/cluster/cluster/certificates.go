package cluster

import (
	"context"
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/killorder/killorder/test/cluster/pki"
)

// metricsServerHost is the name the API server expects in metrics-server's
// certificate: the service in front of it.
const metricsServerHost = "metrics-server.kube-system.svc"

// makeCertificates writes NAME.crt and NAME.key for every component.
func (c *Cluster) makeCertificates(context.Context) error {
	authority, err := pki.NewAuthority("killorder-test-cluster")
	if err != nil {
		return err
	}
	frontProxy, err := pki.NewAuthority("killorder-test-front-proxy")
	if err != nil {
		return err
	}
	serviceAccount, err := pki.NewKeyPEM()
	if err != nil {
		return err
	}
	c.authority = authority
	for _, write := range []func() error{
		func() error { return authority.Write(c.path("ca.crt"), c.path("ca.key")) },
		func() error { return os.WriteFile(c.path("front-proxy-ca.crt"), frontProxy.CertPEM(), 0o644) },
		func() error { return os.WriteFile(c.path("service-account.key"), serviceAccount, 0o600) },
		c.write("apiserver", func() (*pki.Pair, error) {
			return authority.Server("kube-apiserver", "localhost", "kubernetes", "kubernetes.default.svc", "127.0.0.1", "10.96.0.1")
		}),
		c.write("apiserver-kubelet", func() (*pki.Pair, error) { return authority.Client("kube-apiserver-kubelet", "system:masters") }),
		c.write("front-proxy", func() (*pki.Pair, error) { return frontProxy.Client("front-proxy-client") }),
		c.write("metrics-server", func() (*pki.Pair, error) {
			return authority.Server("metrics-server", metricsServerHost, "localhost", "127.0.0.1")
		}),
	} {
		if err := write(); err != nil {
			return fmt.Errorf("certificates: %w", err)
		}
	}
	return nil
}

func (c *Cluster) write(name string, issue func() (*pki.Pair, error)) func() error {
	return func() error {
		pair, err := issue()
		if err != nil {
			return err
		}
		return pair.Write(c.path(name+".crt"), c.path(name+".key"))
	}
}

// writeKubeconfig makes a client certificate for the user and a kubeconfig that
// contains it, so that the file can be copied anywhere.
func (c *Cluster) writeKubeconfig(file, user string, groups ...string) error {
	pair, err := c.authority.Client(user, groups...)
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["killorder"] = &clientcmdapi.Cluster{
		Server:                   fmt.Sprintf("https://127.0.0.1:%d", c.apiserverPort),
		CertificateAuthorityData: c.authority.CertPEM(),
	}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key}
	config.Contexts["killorder"] = &clientcmdapi.Context{Cluster: "killorder", AuthInfo: user}
	config.CurrentContext = "killorder"
	return clientcmd.WriteToFile(*config, c.path(file))
}
