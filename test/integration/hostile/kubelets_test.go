package hostile

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// wire is how much each hostile answer has on the wire, in bytes: as much as the operator reads of one.
const wire = 16 << 20

// shapes of answers that are small on the wire for what they might become: a beginning, and what is then repeated. POD is
// a pod of the node, without its last brace.
var shapes = []struct{ name, begin, again string }{
	{"pods without number", `,"pods":[`, `{},`},
	{"own pods without number", `,"pods":[`, `POD},`},
	{"pods under many keys", ``, `,"pods":[POD}]`},
	{"containers without number", `,"pods":[POD,"containers":[`, `{},`},
	{"named containers without number", `,"pods":[POD,"containers":[`, `{"name":"` + strings.Repeat("x", 63) + `"},`},
	{"a name without end", `,"pods":[{"podRef":{"name":"`, `x`},
	{"a text without end", `,"more":"`, `x`},
	{"a number without end", `,"node":{"memory":{"workingSetBytes":`, `9`},
	{"space without end", ``, `    `},
	{"numbers that nobody reads", `,"more":[`, `0,`},
	{"nested objects", `,"more":`, `{"more":`},
	{"nested long names", `,"more":`, `{"` + strings.Repeat("x", 4000) + `":`},
}

// kubelet answers every request in one shape, slowly at first, so that all of them are read at the same time.
type kubelet struct {
	*httptest.Server
	node         string
	begin, again string
}

func newKubelet(i int) *kubelet {
	shape := shapes[i%len(shapes)]
	k := &kubelet{node: fmt.Sprintf("hostile-%02d", i), begin: shape.begin}
	pod := fmt.Sprintf(`{"podRef":{"namespace":"default","name":"on-%s"}`, k.node)
	k.begin, k.again = strings.ReplaceAll(shape.begin, "POD", pod), strings.ReplaceAll(shape.again, "POD", pod)
	k.Server = httptest.NewUnstartedServer(k)
	k.Config.ErrorLog = log.New(io.Discard, "", 0)
	k.StartTLS()
	DeferCleanup(k.Close)
	return k
}

func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/configz" {
		_, _ = io.WriteString(w, `{"kubeletconfig":{"evictionHard":{`)
		for i := range wire / 10 {
			_, _ = fmt.Fprintf(w, `"%d":"",`, i)
		}
		return
	}
	_, _ = fmt.Fprintf(w, `{"node":{"nodeName":%q,"memory":{"time":%q,"workingSetBytes":100,"availableBytes":50}}%s`,
		k.node, time.Now().Format(time.RFC3339), k.begin)
	piece := strings.Repeat(k.again, 32<<10/len(k.again))
	for sent := 0; sent < wire; sent += len(piece) {
		if _, err := io.WriteString(w, piece); err != nil {
			return // refused
		}
		if sent < 1<<20 {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// register makes the Node whose kubelet this is, with a pod.
func (k *kubelet) register(ctx context.Context) {
	GinkgoHelper()
	at := k.Listener.Addr().(*net.TCPAddr)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: k.node}}
	Expect(k8s.Create(ctx, node)).To(Succeed())
	node.Status = corev1.NodeStatus{
		Capacity: capacity, Allocatable: capacity,
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: at.IP.String()}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(at.Port)}},
		NodeInfo:        corev1.NodeSystemInfo{KubeletVersion: "v1.37.2", OperatingSystem: "linux", ContainerRuntimeVersion: "containerd://2.4.2"},
	}
	Expect(k8s.Status().Update(ctx, node)).To(Succeed())
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "on-" + k.node}}
	pod.Spec = corev1.PodSpec{NodeName: k.node, Containers: []corev1.Container{{Name: "app", Image: "app"}}}
	Expect(k8s.Create(ctx, pod)).To(Succeed())
	started := metav1.NewTime(time.Now().Add(-time.Hour))
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBestEffort, ContainerStatuses: []corev1.ContainerStatus{
		{Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}},
	}}
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}
