package extract_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// kubeNode is a Linux node of 16 GiB, changed as the case says.
func kubeNode(change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "worker-1", UID: "uid-worker-1"},
		Status: corev1.NodeStatus{
			Capacity: list("8", "16Gi"), Allocatable: list("8", "16284Mi"),
			NodeInfo: corev1.NodeSystemInfo{
				OperatingSystem: "linux", KubeletVersion: "v1.37.2", ContainerRuntimeVersion: "containerd://2.4.2",
			},
			Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeReady, Status: corev1.ConditionTrue}, {Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse},
			},
		},
	}
	change(n)
	return n
}

func TestNode(t *testing.T) {
	info := func(change func(*corev1.NodeSystemInfo)) func(*corev1.Node) {
		return func(n *corev1.Node) { change(&n.Status.NodeInfo) }
	}
	pressure := func(s corev1.ConditionStatus) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Status.Conditions[1].Status = s }
	}
	swap := func(bytes *int64) func(*corev1.Node) {
		return info(func(i *corev1.NodeSystemInfo) { i.Swap = &corev1.NodeSwapStatus{Capacity: bytes} })
	}
	windows := func(f *facts.Node) {
		f.Linux, f.NotLinux, f.DefaultEvictionHard = false, "Windows has no OOM killer: an allocation beyond a limit fails", 500*MiB
	}
	virtual := func(f *facts.Node) {
		f.Linux, f.Virtual, f.NotLinux = false, true, "a virtual kubelet runs its pods elsewhere"
	}
	cases := map[string]struct {
		change func(*corev1.Node)
		want   func(*facts.Node)
	}{
		"an ordinary one": {func(*corev1.Node) {}, func(*facts.Node) {}},
		"no capacity": {
			func(n *corev1.Node) { n.Status.Capacity, n.Status.Allocatable = nil, nil },
			func(f *facts.Node) { f.Capacity, f.Allocatable = 0, 0 },
		},
		"absurd capacity": {
			func(n *corev1.Node) { n.Status.Capacity[corev1.ResourceMemory] = resource.MustParse("8E") },
			func(f *facts.Node) { f.Capacity = facts.MaxBytes },
		},
		"negative capacity": {
			func(n *corev1.Node) { n.Status.Capacity[corev1.ResourceMemory] = resource.MustParse("-1") },
			func(f *facts.Node) { f.Capacity = 0 },
		},
		"huge pages of two sizes": {
			func(n *corev1.Node) {
				n.Status.Capacity["hugepages-2Mi"], n.Status.Capacity["hugepages-1Gi"] = resource.MustParse("512Mi"), resource.MustParse("2Gi")
			},
			func(f *facts.Node) { f.Hugepages = 2560 * MiB },
		},
		"cri-o": {
			info(func(i *corev1.NodeSystemInfo) { i.ContainerRuntimeVersion = "cri-o://1.37.0" }),
			func(f *facts.Node) { f.SandboxStats = true },
		},
		"MemoryPressure":         {pressure(corev1.ConditionTrue), func(f *facts.Node) { f.MemoryPressure = facts.StateTrue }},
		"MemoryPressure unknown": {pressure(corev1.ConditionUnknown), func(f *facts.Node) { f.MemoryPressure = facts.StateUnknown }},
		"MemoryPressure not said": {
			func(n *corev1.Node) { n.Status.Conditions = nil }, func(f *facts.Node) { f.MemoryPressure = facts.StateUnknown },
		},
		"swap":          {swap(new(4 * GiB)), func(f *facts.Node) { f.Usage.SwapCapacity = 4 * GiB }},
		"swap not said": {swap(nil), func(*facts.Node) {}},
		"negative swap": {swap(new(int64(-1))), func(*facts.Node) {}},
		"absurd swap":   {swap(new(int64(1) << 62)), func(f *facts.Node) { f.Usage.SwapCapacity = facts.MaxBytes }},
		"Windows":       {info(func(i *corev1.NodeSystemInfo) { i.OperatingSystem = "windows" }), windows},
		"Windows by its label": {
			func(n *corev1.Node) {
				n.Status.NodeInfo.OperatingSystem, n.Labels = "", map[string]string{"kubernetes.io/os": "windows"}
			},
			windows,
		},
		"Windows in capitals": {info(func(i *corev1.NodeSystemInfo) { i.OperatingSystem = "Windows" }), windows},
		"another system": {
			info(func(i *corev1.NodeSystemInfo) { i.OperatingSystem = "plan9\x1b[31m" }),
			func(f *facts.Node) { f.Linux, f.NotLinux = false, "the operating system is plan9[31m" },
		},
		"MemoryPressure since": {
			func(n *corev1.Node) { n.Status.Conditions[1].LastTransitionTime = metav1.NewTime(started) },
			func(f *facts.Node) { f.PressureSince = started },
		},
		"k3s takes the default threshold away": {
			info(func(i *corev1.NodeSystemInfo) { i.KubeletVersion = "v1.37.0+k3s1" }),
			func(f *facts.Node) { f.DroppedBy, f.DefaultEvictionHard = "k3s", 0 },
		},
		"so does RKE2": {
			info(func(i *corev1.NodeSystemInfo) { i.KubeletVersion = "v1.37.0+rke2r1" }),
			func(f *facts.Node) { f.DroppedBy, f.DefaultEvictionHard = "RKE2", 0 },
		},
		"an ignored finding": {
			func(n *corev1.Node) { n.Annotations = map[string]string{"ignore.killorder.io/NoSoftEviction": "ours"} },
			func(f *facts.Node) { f.Ignores = []facts.Ignore{{Rule: "NoSoftEviction", Reason: "ours"}} },
		},
		"no operating system said":   {info(func(i *corev1.NodeSystemInfo) { i.OperatingSystem = "" }), func(*facts.Node) {}},
		"a virtual kubelet by label": {func(n *corev1.Node) { n.Labels = map[string]string{"type": "virtual-kubelet"} }, virtual},
		"a virtual kubelet by version": {
			info(func(i *corev1.NodeSystemInfo) { i.KubeletVersion = "v1.36.1-virtual-kubelet-v1.2.3" }),
			func(f *facts.Node) { virtual(f); f.Minor = 36 },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := facts.Node{
				Name: "worker-1", UID: "uid-worker-1", Capacity: 16 * GiB, Allocatable: 16*GiB - 100*MiB, Minor: 37, Linux: true,
				DefaultEvictionHard: 100 * MiB,
				MemoryPressure:      facts.StateFalse,
				Usage:               facts.NodeUsage{WorkingSet: facts.Unknown, Available: facts.Unknown, PodsWorkingSet: facts.Unknown},
			}
			tc.want(&want)
			n := kubeNode(tc.change)
			before := n.DeepCopy()
			if diff := cmp.Diff(want, extract.Node(n)); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			unchanged(t, before, n)
		})
	}
}

func TestFact8KubeletVersion(t *testing.T) {
	for version, want := range map[string]int{
		"v1.37.2": 37, "v1.36.9-gke.100": 36, "1.37.0+k3s1": 37, "v1.37": 37, "v1.9.11": 9,
		"": 0, "v1": 0, "v1.": 0, "v1.x.2": 0, "v1.-3.0": 0, "v2.37.2": 0, "v1.37+.0": 0, "garbage": 0,
	} {
		n := kubeNode(func(n *corev1.Node) { n.Status.NodeInfo.KubeletVersion = version })
		if got := extract.Node(n).Minor; got != want {
			t.Errorf("%q: minor %d; want %d", version, got, want)
		}
	}
}

// TestFact50VirtualNodes: nodes without a kubelet of their own, by the marks that each project sets.
func TestFact50VirtualNodes(t *testing.T) {
	version := func(v string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Status.NodeInfo.KubeletVersion = v }
	}
	label := func(key, value string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Labels = map[string]string{key: value} }
	}
	for name, tc := range map[string]struct {
		change func(*corev1.Node)
		want   bool
	}{
		"KWOK by annotation":    {func(n *corev1.Node) { n.Annotations = map[string]string{"kwok.x-k8s.io/node": "fake"} }, true},
		"KWOK by label":         {label("type", "kwok"), true},
		"KWOK by version":       {version("kwok-v0.7.0"), true},
		"KWOK, a fake version":  {version("fake"), true},
		"virtual-kubelet":       {label("type", "virtual-kubelet"), true},
		"its Azure provider":    {version("v1.19.10-vk-azure-aci-1.6.2"), true},
		"its taint":             {func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "virtual-kubelet.io/provider"}} }, true},
		"Liqo":                  {label("liqo.io/type", "virtual-node"), true},
		"Liqo's own workers":    {label("liqo.io/type", "gateway"), false},
		"a type of the owner's": {label("type", "worker"), false},
		"an EKS kubelet":        {version("v1.33.1-eks-1de2ab1"), false},
		"Fargate's micro VM":    {label("eks.amazonaws.com/compute-type", "fargate"), false},
		"a version with vk":     {version("v1.37.0+vk8s"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if n := extract.Node(kubeNode(tc.change)); n.Virtual != tc.want || n.Linux == tc.want || (n.NotLinux != "") != tc.want {
				t.Errorf("virtual %t, Linux %t, %q; want virtual %t", n.Virtual, n.Linux, n.NotLinux, tc.want)
			}
		})
	}
}

// TestFact51Provider: who sets a node's reservations.
func TestFact51Provider(t *testing.T) {
	for label, want := range map[string]facts.Provider{
		"eks.amazonaws.com/compute-type=fargate": facts.NoReservations, "eks.amazonaws.com/nodegroup=a": facts.OneReservation,
		"kubernetes.azure.com/cluster=a": facts.OneReservation, "cloud.google.com/gke-nodepool=a": facts.OneReservation,
		"node.openshift.io/os_id=rhcos": facts.OneReservation, "kubernetes.io/os=linux": facts.SelfManaged,
	} {
		key, value, _ := strings.Cut(label, "=")
		n := extract.Node(kubeNode(func(n *corev1.Node) { n.Labels = map[string]string{key: value} }))
		if n.Provider != want {
			t.Errorf("%s: provider %d; want %d", label, n.Provider, want)
		}
	}
}
