package packed_test

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/packed"
)

// copyOf is a copy that shares no containers: Pack takes over what it is given.
func copyOf(p *facts.Pod) *facts.Pod {
	c := *p
	if p.Containers != nil {
		c.Containers = append([]facts.Container{}, p.Containers...)
	}
	return &c
}

// packAll packs copies of pods.
func packAll(pods []*facts.Pod) []packed.Pod {
	var pool packed.Pods
	kept := make([]packed.Pod, len(pods))
	for i, p := range pods {
		kept[i] = pool.Pack(copyOf(p))
	}
	return kept
}

// TestPods: packed and unpacked pods are equal, those of many nodes, and pods that have all there is and nothing.
func TestPods(t *testing.T) {
	all, other := &facts.Pod{}, &facts.Pod{}
	setAll(t, reflect.ValueOf(all).Elem(), 3)
	setAll(t, reflect.ValueOf(other).Elem(), 3)
	all.Node, other.Node, other.Containers[0].AtStart.Request = "", "", 1
	nodes := map[string][]*facts.Pod{
		"all fields": {all, other, all}, "none": nil,
		"bare": {{}, {Name: "a"}, {UID: "a"}, {Containers: []facts.Container{}}, {Containers: []facts.Container{{Started: -1}, {}}}, {}},
	}
	for seed := range uint64(100) {
		n := factstest.Random(seed)
		for i := range n.Pods {
			nodes[fmt.Sprint("random ", seed)] = append(nodes[fmt.Sprint("random ", seed)], n.Pods[i].Pod)
		}
	}
	for name, pods := range nodes {
		t.Run(name, func(t *testing.T) {
			kept := packAll(pods)
			for range 2 { // what is unpacked may be changed
				want := make([]*facts.Pod, 0, len(pods))
				for _, p := range pods {
					p = copyOf(p)
					p.Node = "worker-1"
					want = append(want, p)
				}
				got := packed.Unpack("worker-1", kept)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("packed and unpacked (-want +got):\n%s", diff)
				}
				for _, p := range got {
					clear(p.Containers)
					p.Containers = append(p.Containers, facts.Container{Name: "another"})
					p.Name, p.Request = "changed", -1
				}
			}
		})
	}
}

// setAll sets each field, also those that are added to the facts later, to something that is not zero.
func setAll(t *testing.T, v reflect.Value, depth int) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("set")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Struct:
		for _, f := range v.Fields() {
			setAll(t, f, depth)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			setAll(t, v.Index(i), depth)
		}
	case reflect.Pointer:
		if depth > 0 { // a pod points to a pod
			v.Set(reflect.New(v.Type().Elem()))
			setAll(t, v.Elem(), depth-1)
		}
	default:
		t.Fatalf("a %s: how is that set?", v.Type())
	}
}

// replica i of a workload of 30, with two containers.
func replica(i int) *facts.Pod {
	workload := i / 30
	app := fmt.Sprintf("payments-api-w%05d", workload)
	started := int64(1_700_000_000+i) * 1e9
	container := func(name string, request int64) facts.Container {
		return facts.Container{Name: name, Running: true, Request: request, Limit: request, CPURequest: 100, Started: started}
	}
	return &facts.Pod{
		Namespace: fmt.Sprintf("team-%03d", workload%200), Name: fmt.Sprintf("%s-%010d-%06d", app, workload, i),
		UID: fmt.Sprintf("6f0c1a2b-3c4d-5e6f-7a8b-%012d", i), Node: fmt.Sprintf("worker-%d", i%5000),
		Workload: facts.Workload{Kind: "Deployment", Name: app}, QOS: facts.Guaranteed, SandboxReady: true, Request: 640 << 20,
		Containers: []facts.Container{container("app", 512<<20), container("istio-proxy", 128<<20)},
	}
}

// TestReplicasShare: replicas share what is not their own, also one that has just started; pods that differ do not.
func TestReplicasShare(t *testing.T) {
	rare := func(p *facts.Pod) { p.Rare = &facts.Rare{Claims: []facts.Claim{{Bytes: 1}}} }
	then := func(p *facts.Pod) { p.Containers[0].AtStart = replica(0) }
	for name, tc := range map[string]struct {
		first, second func(*facts.Pod)
		want          bool
	}{
		"replicas":         {want: true},
		"another node":     {second: func(p *facts.Pod) { p.Node = "worker-9" }, want: true},
		"started later":    {second: func(p *facts.Pod) { p.Containers[1].Started++ }, want: true},
		"equal rare facts": {first: rare, second: rare, want: true},
		"equal at start":   {first: then, second: then, want: true},
		"another request":  {second: func(p *facts.Pod) { p.Containers[1].Request++ }},
		"another label":    {second: func(p *facts.Pod) { p.Labels = facts.Labels{"tier", "web"} }},
		"not running":      {second: func(p *facts.Pod) { p.Containers[0].Running, p.Containers[0].Started = false, 0 }},
		"other rare facts": {first: rare, second: func(p *facts.Pod) { p.Rare = &facts.Rare{Claims: []facts.Claim{{Bytes: 2}}} }},
		"other at start":   {first: then, second: func(p *facts.Pod) { p.Containers[0].AtStart = replica(40) }},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := replica(0), replica(1)
			if tc.first != nil {
				tc.first(first)
			}
			if tc.second != nil {
				tc.second(second)
			}
			var pool packed.Pods
			if got := pool.Pack(first).SharesWith(pool.Pack(second)); got != tc.want {
				t.Errorf("shared: %v, want %v", got, tc.want)
			}
		})
	}
}

// BenchmarkPods reports the heap that 150,000 pods on 5,000 nodes take, as facts and packed.
func BenchmarkPods(b *testing.B) {
	const pods, nodes = 150_000, 5000
	b.Run("Facts", func(b *testing.B) {
		for b.Loop() {
			before, kept := factstest.Heap(), map[string][]*facts.Pod{}
			for i := range pods {
				p := replica(i)
				kept[p.Node] = append(kept[p.Node], p)
			}
			b.ReportMetric(float64(factstest.Heap()-before)/pods, "bytes/pod")
			runtime.KeepAlive(kept)
		}
	})
	b.Run("Packed", func(b *testing.B) {
		for b.Loop() {
			before, kept, pool := factstest.Heap(), map[string][]packed.Pod{}, packed.Pods{}
			for i := range pods {
				p := replica(i)
				node := p.Node
				kept[node] = append(kept[node], pool.Pack(p))
			}
			b.ReportMetric(float64(factstest.Heap()-before)/pods, "bytes/pod")
			runtime.KeepAlive(kept)
			runtime.KeepAlive(&pool)
		}
	})
	b.Run("Unpack", func(b *testing.B) {
		all := make([]*facts.Pod, pods/nodes)
		for i := range all {
			all[i] = replica(i * 31)
		}
		kept := packAll(all)
		b.ReportAllocs()
		for b.Loop() {
			packed.Unpack("worker-1", kept)
		}
	})
}
