package kubelet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

// Bounds of what an answer may become. A node of 500 pods with five containers each takes 2 MB, and no kubelet is known
// to run more than 2,500 pods.
const (
	// maxPods that an answer may list.
	maxPods = 4096
	// maxContainerName is the longest name that the API allows for a container.
	maxContainerName = validation.DNS1123LabelMaxLength
	// maxPooled is how many pods a decoder may have had room for that is used again.
	maxPooled = 512
)

// answer is what one kubelet said in its Summary, of the pods only those that were kept. It is used again for the next
// Summary.
type answer struct {
	nodeName []byte
	node     facts.NodeReading
	pods     []usage.Pod
}

// decoder reads a Summary (k8s.io/kubelet/pkg/apis/stats/v1alpha1) from the wire, and of the Summary only what is used,
// into buffers of its own: with the API's types, a node of 30 pods would take 120 kB and a thousand allocations each
// time. Its readings are those that extract.SummaryNode and SummaryPod make of the same Summary.
type decoder struct {
	json  jsontext.Decoder
	input bounded
	answer
	// keep reports whether a pod is to be kept. It may shorten the list of containers.
	keep func(*usage.Pod) bool
	// listed counts the pods in the answer, kept or not.
	listed int
	// What the members now read belong to.
	pod       *usage.Pod
	container *usage.Container
	memory    memoryStats
	system    systemContainer
	// commit is the available part of Windows' commit memory: there, that is memory.available.
	commit int64
	swap   swapStats
}

// memoryStats are amounts in bytes, Unknown where absent.
type memoryStats struct {
	time                       time.Time
	workingSet, rss, available int64
}

type systemContainer struct {
	pods, commit          bool
	workingSet, available int64
}

// swapStats are amounts in bytes, Unknown where absent.
type swapStats struct{ used, available int64 }

var (
	errTrailing = errors.New("there is more after the end of the Summary")
	errNoNode   = errors.New("it names no node")
	errNoMemory = errors.New("it has no figures of the node's memory")

	errManyPods error = boundError(fmt.Sprintf("lists more than %d pods", maxPods))
	errLongName error = boundError(fmt.Sprintf("has a container whose name is longer than %d characters", maxContainerName))
)

// maxNodeName is the longest name that a Node may have.
const maxNodeName = 253

// How old a node's own reading may be, and how far ahead of our clock: one beyond is of no use to anybody.
const (
	maxAge   = facts.UnavailableAfter
	maxAhead = facts.MaxClockSkew
)

// check says what keeps an answer from being used for that node.
func (a *answer) check(node string, now time.Time) error {
	switch at := a.node.ObservedAt; {
	case len(a.nodeName) == 0:
		return errNoNode
	case string(a.nodeName) != node:
		return &otherNodeError{string(a.nodeName[:min(len(a.nodeName), maxNodeName)])}
	case a.node.WorkingSet == facts.Unknown && a.node.Available == facts.Unknown, at.IsZero():
		return errNoMemory
	case now.Sub(at) > maxAge, at.Sub(now) > maxAhead:
		return &clockError{at}
	}
	return nil
}

// clockError is a reading of another time.
type clockError struct{ at time.Time }

func (e *clockError) Error() string {
	return "the node's memory was measured at " + e.at.UTC().Format(time.RFC3339)
}

// read decodes one Summary. What it returns is valid until the next read.
func (d *decoder) read(r io.Reader, keep func(*usage.Pod) bool) (*answer, error) {
	d.input = bounded{reader: r, json: &d.json, maxBytes: maxSummary}
	d.keep, d.listed = keep, 0
	// A kubelet encodes a struct, so that no name comes twice; to refuse one that does would take a set of names for each
	// object. What the answer may become is bounded either way.
	d.json.Reset(&d.input, jsontext.AllowDuplicateNames(true))
	err := d.summary()
	if d.input.err != nil {
		err = d.input.err // and not what the decoder made of it
	}
	d.input.reader, d.keep = nil, nil
	return &d.answer, err
}

// isLarge reports whether the decoder has grown beyond what an ordinary node takes.
func (d *decoder) isLarge() bool { return cap(d.pods) > maxPooled }

func (d *decoder) summary() error {
	d.nodeName = d.nodeName[:0]
	d.node = facts.NodeReading{
		Source: facts.SourceKubelet, WorkingSet: facts.Unknown, PodsWorkingSet: facts.Unknown, Available: facts.Unknown,
	}
	d.pods, d.commit = d.pods[:0], facts.Unknown
	if d.json.PeekKind() == 'n' {
		return d.unexpected("an object")
	}
	if err := d.object((*decoder).summaryMember); err != nil {
		return err
	}
	if d.commit != facts.Unknown {
		d.node.Available = d.commit
	}
	switch _, err := d.json.ReadToken(); {
	case err == nil:
		return errTrailing
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

func (d *decoder) summaryMember(name []byte) error {
	switch string(name) {
	case `"node"`:
		return d.object((*decoder).nodeMember)
	case `"pods"`:
		return d.array((*decoder).podItem)
	}
	return d.json.SkipValue()
}

func (d *decoder) nodeMember(name []byte) (err error) {
	switch string(name) {
	case `"nodeName"`:
		d.nodeName, err = d.text(d.nodeName)
	case `"memory"`:
		err = d.readMemory()
		d.node.ObservedAt, d.node.WorkingSet, d.node.Available = d.memory.time, d.memory.workingSet, d.memory.available
	case `"swap"`:
		err = d.readSwap()
		d.node.SwapCapacity = min(max(d.swap.available, 0)+max(d.swap.used, 0), facts.MaxBytes)
	case `"systemContainers"`:
		err = d.array((*decoder).systemItem)
	default:
		err = d.json.SkipValue()
	}
	return err
}

func (d *decoder) systemItem() error {
	d.system = systemContainer{workingSet: facts.Unknown, available: facts.Unknown}
	err := d.object((*decoder).systemMember)
	switch {
	case d.system.pods:
		d.node.PodsWorkingSet = d.system.workingSet
	case d.system.commit:
		d.commit = d.system.available
	}
	return err
}

func (d *decoder) systemMember(name []byte) error {
	switch string(name) {
	case `"name"`:
		value, err := d.scalar('"', "a string")
		d.system.pods, d.system.commit = string(value) == `"pods"`, string(value) == `"windows-global-commit-memory"`
		return err
	case `"memory"`:
		err := d.readMemory()
		d.system.workingSet, d.system.available = d.memory.workingSet, d.memory.available
		return err
	}
	return d.json.SkipValue()
}

// podItem reads a pod, into the place of one that was not kept where there is one.
func (d *decoder) podItem() error {
	if d.listed++; d.listed > maxPods {
		return errManyPods
	}
	d.pod = next(&d.pods)
	*d.pod = usage.Pod{
		Source: facts.SourceKubelet, WorkingSet: facts.Unknown,
		Namespace: d.pod.Namespace[:0], Name: d.pod.Name[:0], Containers: d.pod.Containers[:0],
	}
	if err := d.object((*decoder).podMember); err != nil {
		return err
	}
	isCut := len(d.pod.Containers) == usage.MaxContainers && d.pod.WorkingSet == facts.Unknown // the sum would be too small
	if isCut || !d.keep(d.pod) || d.replaces() {
		d.pods = d.pods[:len(d.pods)-1]
		return nil
	}
	if used := len(d.pod.Containers); cap(d.pod.Containers) > 4*used+8 {
		d.pod.Containers = slices.Clone(d.pod.Containers) // most of what was listed is not kept
	}
	return nil
}

// replaces reports whether the answer has the last pod already, as it may when a pod was just made again under its name.
// The newer reading stays.
func (d *decoder) replaces() bool {
	last := len(d.pods) - 1
	for i := range d.pods[:last] {
		if p := &d.pods[i]; bytes.Equal(p.Name, d.pod.Name) && bytes.Equal(p.Namespace, d.pod.Namespace) {
			if d.pod.ObservedAt.After(p.ObservedAt) {
				d.pods[i], d.pods[last] = d.pods[last], d.pods[i]
			}
			return true
		}
	}
	return false
}

func (d *decoder) podMember(name []byte) error {
	switch string(name) {
	case `"podRef"`:
		return d.object((*decoder).refMember)
	case `"memory"`:
		err := d.readMemory()
		if d.memory.workingSet != facts.Unknown {
			d.pod.WorkingSet, d.pod.ObservedAt = d.memory.workingSet, d.memory.time
		}
		return err
	case `"containers"`:
		return d.array((*decoder).containerItem)
	}
	return d.json.SkipValue()
}

func (d *decoder) refMember(name []byte) (err error) {
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

// containerItem reads a container. Where the pod has no working set of its own, its reading is as old as the oldest of
// its containers'.
func (d *decoder) containerItem() error {
	if len(d.pod.Containers) == usage.MaxContainers {
		return d.json.SkipValue() // a tenant may have made such a pod: that should not cost the node its other readings
	}
	d.container = next(&d.pod.Containers)
	*d.container = usage.Container{Name: d.container.Name[:0], ContainerUsage: facts.NoContainerUsage}
	d.memory = memoryStats{workingSet: facts.Unknown}
	if err := d.object((*decoder).containerMember); err != nil {
		return err
	}
	p, t := d.pod, d.memory.time
	if p.WorkingSet == facts.Unknown && d.memory.workingSet != facts.Unknown && (p.ObservedAt.IsZero() || t.Before(p.ObservedAt)) {
		p.ObservedAt = t
	}
	return nil
}

func (d *decoder) containerMember(name []byte) (err error) {
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

func (d *decoder) readMemory() error {
	d.memory = memoryStats{workingSet: facts.Unknown, rss: facts.Unknown, available: facts.Unknown}
	return d.object((*decoder).memoryMember)
}

func (d *decoder) memoryMember(name []byte) (err error) {
	switch m := &d.memory; string(name) {
	case `"time"`:
		m.time, err = d.time()
	case `"workingSetBytes"`:
		m.workingSet, err = d.amount()
	case `"rssBytes"`:
		m.rss, err = d.amount()
	case `"availableBytes"`:
		m.available, err = d.amount()
	default:
		err = d.json.SkipValue()
	}
	return err
}

func (d *decoder) readSwap() error {
	d.swap = swapStats{used: facts.Unknown, available: facts.Unknown}
	return d.object((*decoder).swapMember)
}

func (d *decoder) swapMember(name []byte) (err error) {
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

// next makes room for one more element and returns it as it was when it was last used, so that its slices are too.
func next[T any](s *[]T) *T {
	n := len(*s)
	if n < cap(*s) {
		*s = (*s)[:n+1]
	} else {
		*s = append(*s, *new(T))
	}
	return &(*s)[n]
}
