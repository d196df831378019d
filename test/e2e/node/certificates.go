package node

import (
	"context"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/killorder/killorder/test/cluster/pki"
	"github.com/killorder/killorder/test/e2e/isolate"
)

// server is the address of the API server in every kubeconfig: the cluster IP of its service.
const server = "https://" + isolate.ServiceAddress + ":443"

const masters = "system:masters"

// makeCertificates writes NAME.crt, NAME.key and NAME.kubeconfig for every component.
func (n *Node) makeCertificates(context.Context) (err error) {
	if n.authority, err = pki.NewAuthority(Name); err != nil {
		return err
	}
	if n.frontProxy, err = pki.NewAuthority(Name + "-front-proxy"); err != nil {
		return err
	}
	serviceAccount, err := pki.NewKeyPEM()
	if err != nil {
		return err
	}
	for file, data := range map[string][]byte{
		"ca.crt": n.authority.CertPEM(), "front-proxy-ca.crt": n.frontProxy.CertPEM(), "service-account.key": serviceAccount,
	} {
		if err := os.WriteFile(n.path(file), data, 0o600); err != nil {
			return err
		}
	}
	for name, names := range map[string][]string{
		"apiserver":      {"localhost", "kubernetes", "kubernetes.default.svc", "127.0.0.1", isolate.ServiceAddress, isolate.NodeAddress},
		"kubelet":        {Name, n.Host.Address()},
		"metrics-server": {"metrics-server.kube-system.svc", "localhost"},
	} {
		pair, err := n.authority.Server(name, names...)
		if err != nil {
			return err
		}
		if err := pair.Write(n.path(name+".crt"), n.path(name+".key")); err != nil {
			return err
		}
	}
	if err := n.writeClients(); err != nil {
		return err
	}
	return n.writeKubeconfigs()
}

func (n *Node) writeClients() error {
	kubelets, err := n.authority.Client("kube-apiserver-kubelet", masters)
	if err != nil {
		return err
	}
	if err := kubelets.Write(n.path("apiserver-kubelet.crt"), n.path("apiserver-kubelet.key")); err != nil {
		return err
	}
	proxy, err := n.frontProxy.Client("front-proxy-client")
	if err != nil {
		return err
	}
	return proxy.Write(n.path("front-proxy.crt"), n.path("front-proxy.key"))
}

func (n *Node) writeKubeconfigs() error {
	for file, user := range map[string][]string{
		"admin":              {"admin", masters},
		"controller-manager": {"system:kube-controller-manager"},
		"scheduler":          {"system:kube-scheduler"},
		"kubelet":            {"system:node:" + Name, "system:nodes"},
		"metrics-server":     {"metrics-server", masters},
	} {
		pair, err := n.authority.Client(user[0], user[1:]...)
		if err != nil {
			return err
		}
		config := clientcmdapi.NewConfig()
		config.Clusters[Name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: n.authority.CertPEM()}
		config.AuthInfos[user[0]] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key}
		config.Contexts[Name] = &clientcmdapi.Context{Cluster: Name, AuthInfo: user[0]}
		config.CurrentContext = Name
		if err := clientcmd.WriteToFile(*config, n.kubeconfig(file)); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) kubeconfig(name string) string { return n.path(name + ".kubeconfig") }

// Kubeconfig is the path of the administrator's kubeconfig.
func (n *Node) Kubeconfig() string { return n.kubeconfig("admin") }
