// Package usage keeps what is known of the memory in use: a compact store of readings, replaced pass by pass. Package
// poll makes the passes.
package usage

import (
	"context"
	"fmt"
	"time"
	"unique"

	"github.com/killorder/killorder/internal/facts"
)

// Source is where readings come from.
type Source interface {
	// Read hands the sink every reading there is, and returns the parts that failed. All other parts have been read.
	Read(ctx context.Context, into Sink) []Failure
}

// Sink takes the readings of one pass, one after another.
type Sink interface {
	Pod(p *Pod)
	Node(name string, r facts.NodeReading)
	// Drop counts a reading that cannot be used.
	Drop(cause DropCause)
}

// Completer is a Sink that does not have to wait for the end of a pass: a source that reads node by node calls Complete once it has
// said all that it knows of a node, between the readings of two nodes.
type Completer interface {
	Sink
	Complete(node string)
}

// Pod is one pod's reading on its way from a source to a sink. The reading is valid only during the call: sources use its
// slices again for the next pod.
type Pod struct {
	Source          facts.Source
	Namespace, Name []byte
	ObservedAt      time.Time
	// WorkingSet of the pod in bytes; if it is Unknown, the sum of the containers' working sets is used.
	WorkingSet int64
	Containers []Container
}

// Container is one container of a Pod.
type Container struct {
	Name []byte
	facts.ContainerUsage
}

// Reading is a copy of the pod's reading, without history. If the pod's working set is Unknown, the copy has the sum of the
// known working sets of the containers.
func (p *Pod) Reading() facts.PodReading {
	r := facts.PodReading{
		Source: p.Source, ObservedAt: p.ObservedAt, WorkingSet: p.WorkingSet, Containers: make([]facts.ContainerReading, len(p.Containers)),
	}
	sum := facts.Unknown
	for i := range p.Containers {
		c := &p.Containers[i]
		r.Containers[i] = facts.ContainerReading{Name: unique.Make(string(c.Name)).Value(), ContainerUsage: c.ContainerUsage}
		if c.WorkingSet != facts.Unknown {
			sum = min(max(sum, 0)+c.WorkingSet, facts.MaxBytes)
		}
	}
	if r.WorkingSet == facts.Unknown {
		r.WorkingSet = sum
	}
	return r
}

// MaxContainers is how many containers of one pod a source may read: more than any pod that does useful work has, and few
// enough that an absurd answer takes little memory.
const MaxContainers = 256

// DropCause says why a reading cannot be used.
type DropCause string

// Why readings are dropped. A reading above the node's capacity is found later, by extract, which knows the capacity.
const (
	// DropNegative: a negative amount of memory.
	DropNegative DropCause = "Negative"
	// DropFuture: observed more than a minute after now.
	DropFuture DropCause = "Future"
	// DropNoTimestamp: no time of observation.
	DropNoTimestamp DropCause = "NoTimestamp"
	// DropExpired: older than readings are kept.
	DropExpired DropCause = "Expired"
	// DropNoMemory: no figure for the pod's memory, and not for each container either, so that no sum can stand in.
	DropNoMemory DropCause = "NoMemory"
	// DropMalformed: a name is missing, or a quantity cannot be parsed.
	DropMalformed DropCause = "Malformed"
	// DropUnmatched: of a pod or a node that the cluster does not have.
	DropUnmatched DropCause = "Unmatched"
	// DropRepeated: of a pod that the pass has read already, again and again.
	DropRepeated DropCause = "Repeated"
)

// DropCauses are all causes.
var DropCauses = [...]DropCause{
	DropNegative, DropFuture, DropNoTimestamp, DropExpired, DropNoMemory, DropMalformed, DropUnmatched,
	DropRepeated,
}

// FailureCause says why a source could not be read, or only in part.
type FailureCause string

// Why reading fails.
const (
	// FailedAbsent: the API is not installed, or nothing stands behind it.
	FailedAbsent FailureCause = "APIAbsent"
	// FailedForbidden: the operator may not read the source.
	FailedForbidden FailureCause = "Forbidden"
	// FailedTimeout: no answer, or not all of it, in time.
	FailedTimeout FailureCause = "Timeout"
	// FailedGarbage: the answer is not what the API promises, or ends too early.
	FailedGarbage FailureCause = "Garbage"
	// FailedUnauthorized: a kubelet does not accept the operator's token.
	FailedUnauthorized FailureCause = "Unauthorized"
	// FailedToken: the operator has no token to show to kubelets.
	FailedToken FailureCause = "Token"
	// FailedCertificate: a kubelet's serving certificate cannot be verified.
	FailedCertificate FailureCause = "Certificate"
	// FailedUnreachable: no connection to a kubelet.
	FailedUnreachable FailureCause = "Unreachable"
	// FailedNoAddress: a Node does not say where its kubelet is.
	FailedNoAddress FailureCause = "NoAddress"
	// FailedWrongNode: another node's kubelet answers at the address.
	FailedWrongNode FailureCause = "WrongNode"
	// FailedClock: a kubelet's figures are of another time.
	FailedClock FailureCause = "Clock"
	// FailedUnmatched: much of what was read is of pods or nodes that the cluster does not have.
	FailedUnmatched FailureCause = "Unmatched"
	// FailedPartial comes on top of another cause: only one of pods and nodes failed.
	FailedPartial FailureCause = "Partial"
	// FailedOther: anything else, such as a refused connection or an internal error.
	FailedOther FailureCause = "Other"
)

// FailureCauses are all causes.
var FailureCauses = [...]FailureCause{
	FailedAbsent, FailedForbidden, FailedTimeout, FailedGarbage, FailedUnauthorized, FailedToken, FailedCertificate,
	FailedUnreachable, FailedNoAddress, FailedWrongNode, FailedClock, FailedUnmatched, FailedPartial, FailedOther,
}

// Failure is a part of a source that could not be read.
type Failure struct {
	Cause FailureCause
	// Of says which part: pods, nodes or kubelets.
	Of  string
	Err error
}

func (f Failure) Error() string { return fmt.Sprintf("reading usage of %s: %v", f.Of, f.Err) }

func (f Failure) Unwrap() error { return f.Err }
