package compare

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/killorder/killorder/test/scale/figures"
)

// install creates the objects of config/default. No pod of the Deployment starts, because the cluster has no scheduler.
func (b *bench) install(ctx context.Context) error {
	b.client = b.cluster.Client().Discovery().RESTClient()
	for _, args := range [][]string{
		{"apply", "--server-side", "-k", filepath.Join(b.Root, "config", "default")},
		{"wait", "--for=condition=established", "--timeout=60s", "crd", "nodekillorders.killorder.io", "killorderpolicies.killorder.io"},
	} {
		args = append([]string{"--kubeconfig=" + b.cluster.Kubeconfig()}, args...)
		if _, err := run(ctx, false, b.cluster.Binaries.Kubectl, args...); err != nil {
			return err
		}
	}
	version, err := b.cluster.Client().Discovery().ServerVersion()
	if err != nil {
		return err
	}
	b.Versions.Kubernetes = version.GitVersion
	b.Versions.StateMetrics, err = requiredVersion(b.Root)
	if err != nil {
		return err
	}
	revision, err := run(ctx, true, "git", "-c", "safe.directory=*", "-C", b.Root, "describe", "--always", "--dirty")
	if err != nil {
		return err
	}
	b.Versions.Killorder = strings.TrimSpace(string(revision.output))
	return b.writeAccount()
}

// writeAccount writes a kubeconfig whose user acts as the account that config/default gives the operator, with its rights.
func (b *bench) writeAccount() error {
	config, err := clientcmd.LoadFromFile(b.cluster.Kubeconfig())
	if err != nil {
		return err
	}
	for _, user := range config.AuthInfos {
		user.Impersonate = "system:serviceaccount:killorder-system:killorder-manager"
	}
	b.account = filepath.Join(b.cluster.Dir, "account.kubeconfig")
	return clientcmd.WriteToFile(*config, b.account)
}

// token of an account that may read the operator's metrics.
func (b *bench) token(ctx context.Context) (string, error) {
	const name, namespace = "scale", "default"
	api := b.cluster.Client()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if _, err := api.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "killorder-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	}
	if _, err := api.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	long := int64(24 * 60 * 60)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &long}}
	answer, err := api.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return answer.Status.Token, nil
}

// requiredVersion of kube-state-metrics.
func requiredVersion(root string) (string, error) {
	file := filepath.Join(root, "test", "cluster", "builds", "kube-state-metrics", "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	_, after, found := bytes.Cut(text, []byte("k8s.io/kube-state-metrics/v2 v"))
	if !found {
		return "", fmt.Errorf("%s names no version of kube-state-metrics", file)
	}
	return strings.Fields(string(after))[0], nil
}

// machine describes the machine that the programs are measured on.
func machine(m *figures.Machine) error {
	m.Cores = runtime.NumCPU()
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return err
	}
	var kib int64
	if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err != nil {
		return fmt.Errorf("/proc/meminfo: %w", err)
	}
	m.Memory = kib << 10
	return addLoad(m)
}

// addLoad adds the load average of the last minute.
func addLoad(m *figures.Machine) error {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	var load float64
	_, err = fmt.Sscan(string(text), &load)
	m.Load = append(m.Load, load)
	return err
}

// twoAddresses on loopback that are free, and not the same.
func twoAddresses() (one, other string, err error) {
	for one == other && err == nil {
		if one, err = freeAddress(); err == nil {
			other, err = freeAddress()
		}
	}
	return one, other, err
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// counter counts the pods in a page of kube-state-metrics: each pod has one line of kube_pod_info.
type counter struct {
	pods int
	// tail is the end of the last piece of the page: a line may come in two pieces.
	tail []byte
}

const podLine = "\nkube_pod_info{"

func (c *counter) Write(text []byte) (int, error) {
	all := append(c.tail, text...)
	c.pods += bytes.Count(all, []byte(podLine))
	c.tail = bytes.Clone(all[max(0, len(all)-len(podLine)+1):]) // shorter than a line that counts
	return len(text), nil
}
