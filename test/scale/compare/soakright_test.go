package compare

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// ordered is an order of worker-1 with these victims of an eviction.
func ordered(victims ...v1alpha1.EvictionVictim) *v1alpha1.NodeKillOrder {
	o := &v1alpha1.NodeKillOrder{ObjectMeta: metav1.ObjectMeta{Name: "worker-1"}}
	for i := range victims {
		victims[i].Rank = int32(i + 1)
	}
	o.Status.EvictionOrder = victims
	return o
}

// victim over its request of 100Mi.
func victim(pod, usage string) v1alpha1.EvictionVictim {
	used := resource.MustParse(usage)
	return v1alpha1.EvictionVictim{
		Namespace: "shop", Pod: pod, Usage: &used, Request: resource.MustParse("100Mi"), Reason: v1alpha1.ReasonExceedsRequest,
	}
}

func TestCheckOrder(t *testing.T) {
	within, unread, critical := victim("a", "90Mi"), victim("a", "300Mi"), victim("a", "300Mi")
	within.Reason, unread.Usage, critical.Critical = v1alpha1.ReasonWithinRequest, nil, true
	rank := ordered(victim("a", "300Mi"), victim("b", "250Mi"))
	for name, test := range map[string]struct {
		have *v1alpha1.NodeKillOrder
		want string
	}{
		"the same":                         {ordered(victim("a", "300Mi"), victim("b", "250Mi")), ""},
		"two within the band trade places": {ordered(victim("b", "250Mi"), victim("a", "300Mi")), ""},
		"one beyond the band":              {ordered(victim("c", "900Mi"), victim("b", "250Mi")), "rank 1 is shop/c, 800.0 MiB over its request"},
		"another class":                    {ordered(within, victim("b", "250Mi")), "WithinRequest"},
		"no reading":                       {ordered(unread, victim("b", "250Mi")), "no reading of shop/a"},
		"critical":                         {ordered(critical, victim("b", "250Mi")), "shop/a is critical: true, want false"},
		"lost":                             {nil, "worker-1 has no order, want one"},
		"incomplete":                       {ordered(victim("a", "300Mi")), "[1 0] victims"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkOrder(rank, test.have, true)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestVitals(t *testing.T) {
	first := vitals{goroutines: 140, files: 14, heap: 20 << 20}
	for name, test := range map[string]struct {
		now  vitals
		full bool
		want string
	}{
		"as before":                       {first, true, ""},
		"requests under way":              {vitals{goroutines: 150, files: 24, heap: 26 << 20}, true, ""},
		"goroutines are left":             {vitals{goroutines: 151, files: 14, heap: 20 << 20}, true, "151 goroutines, want at most 150"},
		"connections are left":            {vitals{goroutines: 140, files: 25, heap: 20 << 20}, true, "25 open files and connections, want at most 24"},
		"memory is left":                  {vitals{goroutines: 140, files: 14, heap: 30 << 20}, true, "30.0 MiB of heap, want at most 27.0 MiB"},
		"histories fill":                  {vitals{goroutines: 140, files: 14, heap: 30 << 20}, false, ""},
		"more than histories can explain": {vitals{goroutines: 140, files: 14, heap: 40 << 20}, false, "40.0 MiB of heap, want at most 34.0 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.now.over(first.limit(test.full))
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
