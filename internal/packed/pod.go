package packed

import (
	"encoding/binary"
	"hash/maphash"
	"reflect"

	"github.com/killorder/killorder/internal/facts"
)

// Pod is the facts of a pod in a third of their memory: what is the pod's own, and the facts that pods which are alike share.
type Pod struct {
	// own is the name, the UID, and, if a container runs, when each of the containers started (8 bytes each).
	own               string
	nameEnds, uidEnds uint32
	// like are the facts without what is in own, and without the node. Nobody changes them.
	like *facts.Pod
}

// Pods packs pods. The zero value is ready for use, by one goroutine at a time.
type Pods struct {
	seed maphash.Seed
	like map[uint64]*facts.Pod
}

// Pack packs a pod without its node. Pack takes f over: the caller must not use f afterwards.
func (p *Pods) Pack(f *facts.Pod) Pod {
	own := append([]byte(f.Name), f.UID...)
	packed := Pod{nameEnds: uint32(len(f.Name)), uidEnds: uint32(len(own))}
	runs := f.Started() != 0
	for i := range f.Containers {
		c := &f.Containers[i]
		if runs {
			own = binary.LittleEndian.AppendUint64(own, uint64(c.Started))
		}
		c.Started = 0
	}
	f.Name, f.UID, f.Node = "", "", ""
	packed.own, packed.like = string(own), p.shared(f)
	return packed
}

// shared returns facts that equal f: those of an earlier pod, or f. Where two different pods have the same hash, the second one is
// not shared, which costs memory only.
func (p *Pods) shared(f *facts.Pod) *facts.Pod {
	if p.like == nil {
		p.seed, p.like = maphash.MakeSeed(), map[uint64]*facts.Pod{}
	}
	h := p.hash(f)
	like, ok := p.like[h]
	switch {
	case !ok:
		p.like[h] = f
	case reflect.DeepEqual(like, f):
		return like
	}
	return f
}

// hash tells pods apart by what most pods have. What hash leaves out is compared by shared only.
func (p *Pods) hash(f *facts.Pod) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	maphash.WriteComparable(&h, f.Namespace)
	maphash.WriteComparable(&h, f.Workload)
	maphash.WriteComparable(&h, [...]int64{int64(f.Priority), int64(f.QOS), f.Request, f.Limit, f.AdjShare})
	maphash.WriteComparable(&h, [...]bool{f.Exempt, f.NodeCritical, f.Terminating, f.SandboxReady, f.Rare == nil})
	for _, l := range f.Labels {
		maphash.WriteComparable(&h, l)
	}
	for _, c := range f.Containers {
		c.AtStart = nil // a pointer's address tells nothing
		maphash.WriteComparable(&h, c)
	}
	return h.Sum64()
}

// Unpack returns the facts of a node's pods, in their order. The caller may change the pods and their containers; labels, rare facts
// and those at a container's start are shared with what is packed.
func Unpack(node string, pods []Pod) []*facts.Pod {
	count := 0
	for i := range pods {
		count += len(pods[i].like.Containers)
	}
	unpacked, containers := make([]facts.Pod, len(pods)), make([]facts.Container, count)
	result := make([]*facts.Pod, len(pods))
	for i := range pods {
		n := len(pods[i].like.Containers)
		pods[i].unpack(&unpacked[i], containers[:n:n])
		containers = containers[n:]
		unpacked[i].Node = node
		result[i] = &unpacked[i]
	}
	return result
}

func (p *Pod) unpack(f *facts.Pod, containers []facts.Container) {
	*f = *p.like
	f.Name, f.UID = p.own[:p.nameEnds], p.own[p.nameEnds:p.uidEnds]
	if f.Containers == nil {
		return
	}
	copy(containers, f.Containers)
	f.Containers = containers
	started := []byte(p.own[p.uidEnds:])
	for i := range len(started) / 8 {
		containers[i].Started = int64(binary.LittleEndian.Uint64(started[8*i:]))
	}
}
