package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/extract"
)

func stripped(t *testing.T, node *corev1.Node) *corev1.Node {
	t.Helper()
	object, err := stripNode(node)
	if err != nil {
		t.Fatal(err)
	}
	n, ok := object.(*corev1.Node)
	if !ok {
		t.Fatalf("a Node became %T", object)
	}
	return n
}

func TestStripNodeKeepsWhatIsRead(t *testing.T) {
	since := metav1.NewTime(time.Unix(1_700_000_000, 0))
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: "n1", UID: "u", ResourceVersion: "7", Labels: map[string]string{"kubernetes.io/os": "linux"},
			Annotations: map[string]string{"ignore.killorder.io/NoReservation": "known", "kwok.x-k8s.io/node": "fake", "csi.volume.kubernetes.io/nodeid": "x"},
		},
		Spec: corev1.NodeSpec{PodCIDR: "10.0.0.0/24", Unschedulable: true, Taints: []corev1.Taint{{Key: "node.kubernetes.io/unreachable", Effect: corev1.TaintEffectNoExecute, TimeAdded: &since}}},
		Status: corev1.NodeStatus{
			Capacity: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourceCPU: resource.MustParse("4"), "hugepages-2Mi": resource.MustParse("1Gi")},
			NodeInfo: corev1.NodeSystemInfo{OSImage: "Talos (v1.12.0)", KubeletVersion: "v1.37.2", BootID: "b"},
			Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue, Reason: "KubeletHasInsufficientMemory", Message: "text", LastHeartbeatTime: since, LastTransitionTime: since},
				{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", LastTransitionTime: since},
			},
			Images: []corev1.ContainerImage{{Names: []string{"big"}}},
		},
	}
	want := node.DeepCopy()
	delete(want.Annotations, "csi.volume.kubernetes.io/nodeid")
	delete(want.Status.Capacity, corev1.ResourceCPU)
	want.Spec.PodCIDR, want.Status.Images, want.Status.Allocatable = "", nil, corev1.ResourceList{}
	want.Status.Conditions[0].Message, want.Status.Conditions[0].LastHeartbeatTime = "", metav1.Time{}
	want.Status.Addresses = []corev1.NodeAddress{}
	got := stripped(t, node)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stripped (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(extract.Node(node), extract.Node(got)); diff != "" {
		t.Errorf("facts of a stripped Node differ (-whole +stripped):\n%s", diff)
	}
	if diff := cmp.Diff(got, stripped(t, got)); diff != "" {
		t.Errorf("stripping twice differs (-once +twice):\n%s", diff)
	}
}

// TestStripNodeIsBounded: what a compromised kubelet writes into its own Node takes at most 200 kB as JSON, whatever
// the Node's size.
func TestStripNodeIsBounded(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{}, Annotations: map[string]string{}}}
	node.Status.NodeInfo = corev1.NodeSystemInfo{BootID: long, OSImage: long}
	node.Status.Capacity = corev1.ResourceList{}
	for i := range 10_000 {
		node.Labels[fmt.Sprint("label-", i)] = long
		node.Annotations[fmt.Sprint("ignore.killorder.io/Rule", i)] = long
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: fmt.Sprint("key-", i), Value: long})
		node.Status.Capacity[corev1.ResourceName(fmt.Sprint("device-", i))] = resource.MustParse("1")
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Address: long})
		node.Status.Conditions = append(node.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeConditionType(fmt.Sprint("C", i)), Reason: long, Message: long})
	}
	raw, err := json.Marshal(stripped(t, node))
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) > 200<<10 {
		t.Errorf("a Node takes %d bytes", len(raw))
	}
	if _, ok := stripped(t, node).Labels["label-0"]; !ok {
		t.Error("the first label is gone")
	}
}

func TestStripLeavesOtherObjects(t *testing.T) {
	if got, err := stripNode("x"); err != nil || got != "x" {
		t.Errorf("got %v, %v", got, err)
	}
}
