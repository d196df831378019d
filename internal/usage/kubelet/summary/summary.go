// Package summary decodes kubelets' Summaries from the wire, within bounds on what a Summary may become. It imports next
// to nothing, so that its fuzz target starts at once.
package summary

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

// Bounds of what an answer may become. A node of 500 pods with five containers each takes 2 MB, and no kubelet is known
// to run more than 2,500 pods.
const (
	// maxPods that an answer may list.
	maxPods = 4096
	// maxContainerName is the longest name that the API allows for a container, a DNS label.
	maxContainerName = 63
	// maxPooled is the largest number of pods that a Decoder may have room for and still be used again.
	maxPooled = 512
)

// Answer is what one kubelet said in its Summary. It is used again for the next Summary.
type Answer struct {
	NodeName []byte
	Node     facts.NodeReading
	// Pods are those that were kept.
	Pods []usage.Pod
}

// Decoder reads a Summary (k8s.io/kubelet/pkg/apis/stats/v1alpha1) from the wire into buffers of its own, and only the parts
// that are used: with the API's types, a node of 30 pods would take 120 kB and a thousand allocations each time. The
// readings are the same as those that extract.SummaryNode and SummaryPod make of the same Summary.
type Decoder struct {
	json  jsontext.Decoder
	input bounded
	Answer
	// keep reports whether a pod is to be kept. It may shorten the list of containers.
	keep func(*usage.Pod) bool
	// listed counts the pods in the answer, kept or not.
	listed int
	// The objects whose members are being read.
	pod       *usage.Pod
	container *usage.Container
	memory    memoryStats
	system    systemContainer
	// commit is the available part of Windows' commit memory, which is memory.available on Windows. committed is the used
	// part.
	commit, committed int64
	swap              swapStats
}

// memoryStats are amounts in bytes, Unknown where absent.
type memoryStats struct {
	time                             time.Time
	workingSet, rss, available, used int64
}

type systemContainer struct {
	pods, commit                bool
	workingSet, available, used int64
}

// swapStats are amounts in bytes, Unknown where absent.
type swapStats struct{ used, available int64 }

var (
	errTrailing = errors.New("there is more after the end of the Summary")
	errNoNode   = errors.New("it names no node")
	// ErrNoMemory is an answer that lacks the figures by which the node is judged.
	ErrNoMemory = errors.New("it has no figures of the node's memory")

	errManyPods error = BoundError(fmt.Sprintf("lists more than %d pods", maxPods))
	errLongName error = BoundError(fmt.Sprintf("has a container whose name is longer than %d characters", maxContainerName))
)

// maxNodeName is the longest name that a Node may have.
const maxNodeName = 253

// How old a node's own reading may be, and how far ahead of our clock: nobody can use a reading beyond these limits.
const (
	MaxAge   = facts.UnavailableAfter
	MaxAhead = facts.MaxClockSkew
)

// Check says why an answer cannot be used for the given node; nil if it can.
func (a *Answer) Check(node string, now time.Time) error {
	switch at := a.Node.ObservedAt; {
	case len(a.NodeName) == 0:
		return errNoNode
	case string(a.NodeName) != node:
		return &OtherNodeError{string(a.NodeName[:min(len(a.NodeName), maxNodeName)])}
	case a.Node.WorkingSet == facts.Unknown && a.Node.Available == facts.Unknown, at.IsZero():
		return ErrNoMemory
	case now.Sub(at) > MaxAge, at.Sub(now) > MaxAhead:
		return &ClockError{at}
	}
	return nil
}

// OtherNodeError is an answer about another node than the one that was asked.
type OtherNodeError struct{ Name string }

func (e *OtherNodeError) Error() string { return "the answer is of node " + e.Name }

// ClockError is a reading whose time is too old, or too far in the future.
type ClockError struct{ at time.Time }

func (e *ClockError) Error() string {
	return "the node's memory was measured at " + e.at.UTC().Format(time.RFC3339)
}

// Read decodes one Summary. The Answer is valid until the next Read.
func (d *Decoder) Read(r io.Reader, keep func(*usage.Pod) bool) (*Answer, error) {
	d.input = bounded{reader: r, json: &d.json, maxBytes: maxSummary}
	d.keep, d.listed = keep, 0
	// A kubelet encodes a struct, so no name comes twice in an object. To refuse a repeated name, the decoder would need a
	// set of names for each object. The bounds on the answer hold in both cases.
	d.json.Reset(&d.input, jsontext.AllowDuplicateNames(true))
	err := d.summary()
	if d.input.err != nil {
		err = d.input.err // the decoder's own error only follows from this one
	}
	d.input.reader, d.keep = nil, nil
	return &d.Answer, err
}

// IsLarge reports whether the decoder has grown beyond what an ordinary node takes.
func (d *Decoder) IsLarge() bool { return cap(d.Pods) > maxPooled }

func (d *Decoder) summary() error {
	d.NodeName = d.NodeName[:0]
	d.Node = facts.NodeReading{
		Source: facts.SourceKubelet, WorkingSet: facts.Unknown, PodsWorkingSet: facts.Unknown, Available: facts.Unknown,
	}
	d.Pods, d.commit, d.committed = d.Pods[:0], facts.Unknown, facts.Unknown
	if d.json.PeekKind() == 'n' {
		return d.unexpected("an object")
	}
	if err := d.object((*Decoder).summaryMember); err != nil {
		return err
	}
	if d.commit != facts.Unknown {
		d.Node.Available = d.commit
		if d.committed != facts.Unknown {
			d.Node.CommitLimit = min(max(d.commit, 0)+max(d.committed, 0), facts.MaxBytes)
		}
	}
	switch _, err := d.json.ReadToken(); {
	case err == nil:
		return errTrailing
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

func (d *Decoder) summaryMember(name []byte) error {
	switch string(name) {
	case `"node"`:
		return d.object((*Decoder).nodeMember)
	case `"pods"`:
		return d.array((*Decoder).podItem)
	}
	return d.json.SkipValue()
}

func (d *Decoder) nodeMember(name []byte) (err error) {
	switch string(name) {
	case `"nodeName"`:
		d.NodeName, err = d.text(d.NodeName)
	case `"memory"`:
		err = d.readMemory()
		d.Node.ObservedAt, d.Node.WorkingSet, d.Node.Available = d.memory.time, d.memory.workingSet, d.memory.available
		d.Node.RSS = max(d.memory.rss, 0)
	case `"swap"`:
		err = d.readSwap()
		d.Node.SwapCapacity = min(max(d.swap.available, 0)+max(d.swap.used, 0), facts.MaxBytes)
	case `"systemContainers"`:
		err = d.array((*Decoder).systemItem)
	default:
		err = d.json.SkipValue()
	}
	return err
}

func (d *Decoder) systemItem() error {
	d.system = systemContainer{workingSet: facts.Unknown, available: facts.Unknown, used: facts.Unknown}
	err := d.object((*Decoder).systemMember)
	switch {
	case d.system.pods:
		d.Node.PodsWorkingSet = d.system.workingSet
	case d.system.commit:
		d.commit, d.committed = d.system.available, d.system.used
	}
	return err
}

func (d *Decoder) systemMember(name []byte) error {
	switch string(name) {
	case `"name"`:
		value, err := d.scalar('"', "a string")
		d.system.pods, d.system.commit = string(value) == `"pods"`, string(value) == `"windows-global-commit-memory"`
		return err
	case `"memory"`:
		err := d.readMemory()
		d.system.workingSet, d.system.available, d.system.used = d.memory.workingSet, d.memory.available, d.memory.used
		return err
	}
	return d.json.SkipValue()
}

// podItem reads a pod. If a pod before it was not kept, the new pod takes its place and its buffers.
func (d *Decoder) podItem() error {
	if d.listed++; d.listed > maxPods {
		return errManyPods
	}
	d.pod = next(&d.Pods)
	*d.pod = usage.Pod{
		Source: facts.SourceKubelet, WorkingSet: facts.Unknown,
		Namespace: d.pod.Namespace[:0], Name: d.pod.Name[:0], Containers: d.pod.Containers[:0],
	}
	if err := d.object((*Decoder).podMember); err != nil {
		return err
	}
	isCut := len(d.pod.Containers) == usage.MaxContainers && d.pod.WorkingSet == facts.Unknown // the sum would be too small
	if isCut || !d.keep(d.pod) || d.listedBefore() {
		d.Pods = d.Pods[:len(d.Pods)-1]
		return nil
	}
	if used := len(d.pod.Containers); cap(d.pod.Containers) > 4*used+8 {
		d.pod.Containers = slices.Clone(d.pod.Containers) // most of what was listed is not kept
	}
	return nil
}

// listedBefore reports whether the answer has listed a pod of the last pod's name before. A kubelet lists two pods of one
// name while one pod ends and its successor starts. Of the two readings the newer one is kept, in the place of the first.
func (d *Decoder) listedBefore() bool {
	last := len(d.Pods) - 1
	for i := range d.Pods[:last] {
		if p := &d.Pods[i]; bytes.Equal(p.Name, d.pod.Name) && bytes.Equal(p.Namespace, d.pod.Namespace) {
			if d.pod.ObservedAt.After(p.ObservedAt) {
				d.Pods[i], d.Pods[last] = d.Pods[last], d.Pods[i]
			}
			return true
		}
	}
	return false
}

func (d *Decoder) podMember(name []byte) error {
	switch string(name) {
	case `"podRef"`:
		return d.object((*Decoder).refMember)
	case `"memory"`:
		err := d.readMemory()
		if d.memory.workingSet != facts.Unknown {
			d.pod.WorkingSet, d.pod.ObservedAt = d.memory.workingSet, d.memory.time
		}
		return err
	case `"containers"`:
		return d.array((*Decoder).containerItem)
	}
	return d.json.SkipValue()
}

func (d *Decoder) refMember(name []byte) (err error) {
	switch string(name) {
	case `"namespace"`:
		d.pod.Namespace, err = d.text(d.pod.Namespace)
	case `"name"`:
		d.pod.Name, err = d.text(d.pod.Name)
	default:
		err = d.json.SkipValue()
	}
	return err
}

// containerItem reads a container. If the pod has no working set of its own, the pod's reading is as old as the oldest
// reading of its containers.
func (d *Decoder) containerItem() error {
	if len(d.pod.Containers) == usage.MaxContainers {
		return d.json.SkipValue() // a tenant may have made such a pod: the readings of the other pods are still used
	}
	d.container = next(&d.pod.Containers)
	*d.container = usage.Container{Name: d.container.Name[:0], ContainerUsage: facts.NoContainerUsage}
	d.memory = memoryStats{workingSet: facts.Unknown}
	if err := d.object((*Decoder).containerMember); err != nil {
		return err
	}
	p, t := d.pod, d.memory.time
	if p.WorkingSet == facts.Unknown && d.memory.workingSet != facts.Unknown && (p.ObservedAt.IsZero() || t.Before(p.ObservedAt)) {
		p.ObservedAt = t
	}
	return nil
}

func (d *Decoder) containerMember(name []byte) (err error) {
	switch c := d.container; string(name) {
	case `"name"`:
		if c.Name, err = d.text(c.Name); err == nil && len(c.Name) > maxContainerName {
			err = errLongName
		}
	case `"memory"`:
		err = d.readMemory()
		c.WorkingSet, c.RSS = d.memory.workingSet, d.memory.rss
	case `"swap"`:
		err = d.readSwap()
		c.Swap = d.swap.used
	default:
		err = d.json.SkipValue()
	}
	return err
}

func (d *Decoder) readMemory() error {
	d.memory = memoryStats{workingSet: facts.Unknown, rss: facts.Unknown, available: facts.Unknown, used: facts.Unknown}
	return d.object((*Decoder).memoryMember)
}

func (d *Decoder) memoryMember(name []byte) (err error) {
	switch m := &d.memory; string(name) {
	case `"time"`:
		m.time, err = d.time()
	case `"workingSetBytes"`:
		m.workingSet, err = d.amount()
	case `"rssBytes"`:
		m.rss, err = d.amount()
	case `"availableBytes"`:
		m.available, err = d.amount()
	case `"usageBytes"`:
		m.used, err = d.amount()
	default:
		err = d.json.SkipValue()
	}
	return err
}

func (d *Decoder) readSwap() error {
	d.swap = swapStats{used: facts.Unknown, available: facts.Unknown}
	return d.object((*Decoder).swapMember)
}

func (d *Decoder) swapMember(name []byte) (err error) {
	switch s := &d.swap; string(name) {
	case `"swapUsageBytes"`:
		s.used, err = d.amount()
	case `"swapAvailableBytes"`:
		s.available, err = d.amount()
	default:
		err = d.json.SkipValue()
	}
	return err
}

// next makes room for one more element and returns the element as its last use left it, so that its slices can be used
// again.
func next[T any](s *[]T) *T {
	n := len(*s)
	if n < cap(*s) {
		*s = (*s)[:n+1]
	} else {
		*s = append(*s, *new(T))
	}
	return &(*s)[n]
}
