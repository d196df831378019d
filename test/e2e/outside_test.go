package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/test/e2e/isolate"
	"github.com/killorder/killorder/test/e2e/node"
)

// outsideOperator is the operator where it does not run as pods of the node.
var outsideOperator *node.Program

// startOutside runs the operator on this machine, as the account that config/default makes for it.
func startOutside(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	config := clientcmdapi.NewConfig()
	config.Clusters[node.Name] = &clientcmdapi.Cluster{Server: machine.Config.Host, CertificateAuthorityData: machine.Config.CAData}
	config.AuthInfos["manager"] = &clientcmdapi.AuthInfo{Token: token(ctx, system, "killorder-manager")}
	config.Contexts[node.Name] = &clientcmdapi.Context{Cluster: node.Name, AuthInfo: "manager"}
	config.CurrentContext = node.Name
	file := filepath.Join(isolate.Dir(), "manager.kubeconfig")
	gomega.Expect(clientcmd.WriteToFile(*config, file)).To(gomega.Succeed())
	var d appsv1.Deployment
	gomega.Expect(api.Get(ctx, client.ObjectKey{Namespace: system, Name: "killorder-manager"}, &d)).To(gomega.Succeed())
	flags := slices.Clone(d.Spec.Template.Spec.Containers[0].Args)
	for i := range flags {
		flags[i] = strings.ReplaceAll(flags[i], "$(NAMESPACE)", system)
	}
	// If a flag is given twice, the last value counts.
	flags = append(flags, "--kubeconfig="+file, "--leader-election-namespace="+system, "--usage-interval="+vmUsageInterval.String(),
		"--metrics-bind-address=127.0.0.1:"+metricsPort, "--health-probe-bind-address=0")
	var err error
	outsideOperator, err = machine.StartProgram("manager", operatorProgram(), flags...)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
}

// token of a service account, for longer than the suite takes.
func token(ctx ginkgo.SpecContext, namespace, account string) string {
	ginkgo.GinkgoHelper()
	seconds := int64((6 * time.Hour).Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	answer, err := machine.Client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return answer.Status.Token
}
