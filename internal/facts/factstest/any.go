package factstest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// Random returns the node that a seed stands for: always the same one, of up to 24 pods with every trait that
// extract can give them, and amounts that often collide.
func Random(seed uint64) *facts.Node {
	r := rand.New(rand.NewPCG(seed, 0))
	data := make([]byte, 4096)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return FromBytes(data)
}

// FromBytes returns the node that some bytes stand for: whatever they are, one that extract could make. Each choice
// takes a byte, so that a fuzzer changes one trait at a time; once they have run out, every choice is the first.
func FromBytes(data []byte) *facts.Node {
	d := dice{data}
	n := &facts.Node{
		Name: "node", UID: "node-uid", Linux: d.number(8) != 1, Minor: 34 + d.number(5),
		Capacity: d.amount(), Allocatable: d.amount(), Hugepages: d.amount() / 8,
		DefaultEvictionHard: facts.LinuxEvictionHard, SandboxStats: d.yes(), MemoryPressure: facts.Tristate(d.number(3)),
		Config: d.config(), Usage: d.nodeUsage(),
	}
	if !n.Linux {
		n.NotLinux = "the operating system is windows"
	}
	for i := range d.number(25) {
		n.Pods = append(n.Pods, d.pod(i))
	}
	return n
}

// dice makes choices from bytes.
type dice struct{ data []byte }

func (d *dice) number(below int) int {
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b) % below
}

func (d *dice) yes() bool { return d.number(2) == 1 }

// amount is from 0 to facts.MaxBytes, mostly a few of 64 MiB and near to another.
func (d *dice) amount() int64 {
	switch d.number(16) {
	case 0:
		return 0
	case 1:
		return 1
	case 2:
		return facts.MaxBytes - int64(d.number(2))
	case 3:
		return int64(d.number(256)) * int64(d.number(256)) * int64(d.number(256)) * 4096
	}
	return max(int64(d.number(64))*64*MiB+int64(d.number(3))-1, 0)
}

// reading is an amount or facts.Unknown.
func (d *dice) reading() int64 {
	if d.number(8) == 1 {
		return facts.Unknown
	}
	return d.amount()
}

func (d *dice) threshold() facts.Threshold {
	switch d.number(4) {
	case 0:
		return facts.Threshold{}
	case 1:
		return facts.Threshold{Set: true, Fraction: float32(d.number(101)) / 100}
	}
	return facts.Threshold{Set: true, Bytes: d.amount()}
}

func (d *dice) config() *facts.KubeletConfig {
	if d.yes() {
		return nil
	}
	return &facts.KubeletConfig{
		EvictionHard: d.threshold(), EvictionSoft: d.threshold(), SoftGrace: time.Duration(d.number(120)) * time.Second,
		KubeReserved: d.amount(), SystemReserved: d.amount(),
		PodsEnforced: d.yes(), LimitedSwap: d.yes(), OOMKills: facts.OOMUnit(d.number(3)), MinReclaim: d.threshold(),
	}
}

func (d *dice) nodeUsage() facts.NodeUsage {
	u := facts.NodeUsage{
		Source: facts.Source(d.number(3)), WorkingSet: d.reading(), Available: d.reading(), PodsWorkingSet: d.reading(),
	}
	if d.yes() {
		u.SwapCapacity = d.amount()
	}
	if d.number(8) != 1 {
		u.ObservedAt = Now.Add(-time.Duration(d.number(30)*d.number(30)) * time.Second)
	}
	return u
}

func (d *dice) pod(i int) facts.PodState {
	p := &facts.Pod{
		Namespace: []string{"shop", "data"}[d.number(2)], Name: fmt.Sprintf("pod-%02d", i), UID: fmt.Sprintf("uid-%02d", i),
		Priority: []int32{0, -10, 1000, 100000, 2000000000}[d.number(5)], QOS: facts.QOS(d.number(3)),
		Exempt: d.number(8) == 1, NodeCritical: d.number(8) == 1, Terminating: d.yes(), SandboxReady: d.yes(),
		Request: d.amount(),
	}
	if d.yes() {
		p.Limit = d.amount()
	}
	if d.yes() {
		p.AdjShare = d.amount()
	}
	for c := range d.number(4) {
		p.Containers = append(p.Containers, d.container(c))
	}
	return d.state(p)
}

func (d *dice) container(i int) facts.Container {
	c := facts.Container{Name: fmt.Sprintf("c-%d", i), Kind: facts.ContainerKind(d.number(4)), Request: d.amount(), Limit: d.amount()}
	if c.Running = d.number(4) != 1; c.Running {
		c.Started = Now.Add(-time.Duration(d.number(60)) * time.Minute).UnixNano()
	}
	return c
}

func (d *dice) state(p *facts.Pod) facts.PodState {
	s := facts.PodState{Pod: p, Critical: d.yes(), Production: d.yes(), WorkingSet: facts.Unknown}
	if d.number(8) == 1 {
		then := *p
		then.Containers = append([]facts.Container(nil), p.Containers...)
		for i := range p.Containers {
			then.Containers[i].Request = d.amount()
			p.Containers[i].AtStart = &then
		}
	}
	if d.number(8) == 1 {
		return s
	}
	s.WorkingSet = d.amount()
	s.Growth, s.GrowthKnown = s.WorkingSet-d.amount(), true
	for range p.Containers {
		s.Usage = append(s.Usage, facts.ContainerUsage{WorkingSet: d.reading(), RSS: d.reading(), Swap: d.reading()})
	}
	return s
}
