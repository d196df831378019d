package extract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/extract"
)

// TestContainersAreBounded: running containers are kept first, in the order of the spec, and the request counts all.
func TestContainersAreBounded(t *testing.T) {
	cases := map[string]struct {
		containers, running int // the last ones run
		want                int
		wantFirst           string
	}{
		"few":                      {containers: 40, running: 40, want: 40, wantFirst: "c0"},
		"as many as are held":      {containers: 128, running: 1, want: 128, wantFirst: "c0"},
		"many, the last one runs":  {containers: 1000, running: 1, want: 128, wantFirst: "c0"},
		"many, the last half runs": {containers: 1000, running: 500, want: 128, wantFirst: "c500"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := pod("p")
			for i := range tc.containers {
				p.containers(container(fmt.Sprint("c", i), "1Mi", ""))
				if i >= tc.containers-tc.running {
					p.running(fmt.Sprint("c", i))
				}
			}
			slices.Reverse(p.Status.ContainerStatuses) // their order is the kubelet's own
			f := extract.Pod(&p.Pod)
			if len(f.Containers) != tc.want || f.Containers[0].Name != tc.wantFirst {
				t.Errorf("%d containers from %s on; want %d from %s on", len(f.Containers), f.Containers[0].Name, tc.want, tc.wantFirst)
			}
			if want := int64(tc.containers) << 20; f.Request != want || !f.AnyRunning() {
				t.Errorf("requests %d, runs: %t; want %d and true", f.Request, f.AnyRunning(), want)
			}
		})
	}
}

func TestLabelsAndNamesAreBounded(t *testing.T) {
	p := pod("p").edit(func(p *corev1.Pod) {
		p.Labels = map[string]string{}
		for i := range 1000 {
			p.Labels[fmt.Sprintf("label-%04d", i)] = "x"
		}
		p.OwnerReferences = []metav1.OwnerReference{{Kind: strings.Repeat("ü", 500), Name: strings.Repeat("n", 500), Controller: new(true)}}
	})
	f := extract.Pod(&p.Pod)
	if len(f.Labels) != 2*128 || !f.Labels.Has("label-0000") || f.Labels.Has("label-0999") {
		t.Errorf("%d labels are held", len(f.Labels)/2)
	}
	if len(f.Workload.Kind) != 252 || !utf8.ValidString(f.Workload.Kind) || len(f.Workload.Name) != 253 {
		t.Errorf("names of %d and %d bytes, want 252 and 253", len(f.Workload.Kind), len(f.Workload.Name))
	}
}
