package kubelet

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// older is what an old kubelet says of a container and its pod.
type older struct {
	Adj     int32
	Request int64
}

// TestAdjOfKubelet131: kubelets before 1.32 have no rule for the scores of sidecars, and for eviction those before 1.34 count
// a sidecar's request as any init container's. The own code of such a kubelet (v1.31.14, module adj131) says what each
// container of random pods gets, and by which request the pod is ranked.
func TestAdjOfKubelet131(t *testing.T) {
	const pods = 5000
	binary, err := filepath.Abs(filepath.Join("..", "..", "..", "bin", "conformance", "adj131"))
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = "adj131"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building it: %v\n%s", err, out)
	}
	r := rand.New(rand.NewPCG(131, 0))
	node := facts.Node{Capacity: 16 << 30, Minor: 31, Linux: true}
	var questions strings.Builder
	var ours []older
	differs, requests := 0, 0
	encode := json.NewEncoder(&questions)
	for i := range pods {
		p := podOf131(r, i)
		f := extract.Pod(p)
		request := node.EvictionRequest(f)
		if request != f.Request {
			requests++
		}
		for c, spec := range append(append([]corev1.Container(nil), p.Spec.InitContainers...), p.Spec.Containers...) {
			adj, err := oom.AdjOn(&node, f, c)
			if err != nil {
				t.Fatal(err)
			}
			if newest, _ := oom.ScoreAdj(f, c, node.Capacity); newest != adj {
				differs++
			}
			ours = append(ours, older{adj, request})
			if err := encode.Encode(map[string]any{"Pod": p, "Container": spec, "Capacity": node.Capacity}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask := exec.Command(binary)
	ask.Stdin = strings.NewReader(questions.String())
	answers, err := ask.Output()
	if err != nil {
		t.Fatal(err)
	}
	decode, equal := json.NewDecoder(strings.NewReader(string(answers))), 0
	for i, want := range ours {
		var got older
		if err := decode.Decode(&got); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		if got != want {
			t.Fatalf("container %d: the kubelet has %+v, we say %+v", i, got, want)
		}
		equal++
	}
	if differs == 0 || requests == 0 {
		t.Error("the newest kubelet has the same everywhere: the rules were not tried")
	}
	fmt.Printf("kubelet v1.31.14: oom_score_adj and the pod's request equal on %d of %d containers of %d pods; "+
		"oom_score_adj of %d containers and request of %d pods not as the newest kubelet has them\n", equal, len(ours), pods, differs, requests)
}

// podOf131 is a random pod of up to three containers, and up to two init containers of which some are sidecars.
func podOf131(r *rand.Rand, i int) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprintf("p-%d", i)}}
	p.Spec.NodeName = "n"
	amount := func() corev1.ResourceList {
		if r.IntN(4) == 0 {
			return nil
		}
		return corev1.ResourceList{
			corev1.ResourceMemory: *resource.NewQuantity(r.Int64N(8<<30), resource.BinarySI), corev1.ResourceCPU: resource.MustParse("1"),
		}
	}
	container := func(name string) corev1.Container {
		c := corev1.Container{Name: name, Resources: corev1.ResourceRequirements{Requests: amount()}}
		if r.IntN(4) == 0 {
			c.Resources.Limits = c.Resources.Requests
		}
		return c
	}
	for k := range 1 + r.IntN(3) {
		p.Spec.Containers = append(p.Spec.Containers, container(fmt.Sprintf("c-%d", k)))
	}
	for k := range r.IntN(3) {
		c := container(fmt.Sprintf("i-%d", k))
		if r.IntN(2) == 0 {
			c.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
		}
		p.Spec.InitContainers = append(p.Spec.InitContainers, c)
	}
	if r.IntN(5) == 0 {
		p.Spec.Overhead = amount()
	}
	return p
}
