package podlist

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/usage/metricsapi/wire"
)

type fields = map[wire.Number]*wire.Wanted

// Wanted is what the facts of a Pod are made of (package extract), and what shows whether the Pod has left any trace of a death
// (forensics.Healthy). TestWantedIsEnough compares what the two packages make of whole Pods with what they make of the Wanted parts.
var Wanted = &wire.Wanted{Fields: fields{1: wantedMetadata, 2: wantedSpec, 3: wantedStatus}}

// Parts of Wanted, by the numbers of k8s.io/api/core/v1/generated.proto.
var (
	wantedAnnotation = &wire.Wanted{
		Keep:   func(key []byte) bool { return extract.ReadsAnnotation(string(key)) },
		Fields: fields{1: nil, 2: nil},
	}
	wantedOwner = &wire.Wanted{Fields: fields{1: nil, 3: nil, 6: nil}} // kind, name, controller

	wantedMetadata = &wire.Wanted{Fields: fields{
		1: nil, 3: nil, 5: nil, 9: nil, // name, namespace, uid, deletionTimestamp
		11: nil, 12: wantedAnnotation, 13: wantedOwner, // labels
	}}

	wantedLimits    = &wire.Wanted{Fields: fields{1: nil}}
	wantedMount     = &wire.Wanted{Fields: fields{1: nil, 2: nil}} // name, readOnly
	wantedContainer = &wire.Wanted{Fields: fields{
		1: nil, 8: nil, 9: wantedMount, 24: nil, // name, resources, restartPolicy
	}}
	wantedVolume = &wire.Wanted{Fields: fields{1: nil, 2: {Fields: fields{2: nil}}}} // name, emptyDir

	wantedSpec = &wire.Wanted{Fields: fields{
		1: wantedVolume, 2: wantedContainer, 20: wantedContainer, 34: {Fields: fields{1: wantedContainer}}, // ephemeral ones
		10: nil, 24: nil, 25: nil, 32: nil, 40: nil, // nodeName, priorityClassName, priority, overhead, resources
	}}

	wantedCondition       = &wire.Wanted{Keep: tells, Fields: fields{1: nil, 2: nil, 5: nil}} // type, status, reason
	wantedEnd             = &wire.Wanted{Fields: fields{1: nil, 3: nil}}                      // exitCode, reason
	wantedContainerStatus = &wire.Wanted{Fields: fields{
		1: nil, 2: {Fields: fields{2: nil, 3: wantedEnd}}, 3: {Fields: fields{3: {}}}, 5: nil, // name, states, restartCount
		10: nil, 11: wantedLimits, // allocatedResources, resources
	}}

	wantedStatus = &wire.Wanted{Fields: fields{
		1: nil, 2: wantedCondition, 4: nil, 9: nil, // phase, reason, qosClass
		8: wantedContainerStatus, 10: wantedContainerStatus, 13: wantedContainerStatus,
		19: nil, 20: wantedLimits, 21: nil, // allocatedResources, resources, nodeAllocatableResourceClaimStatuses
	}}
)

// tells reports whether a condition of that type is wanted.
func tells(condition []byte) bool {
	switch corev1.PodConditionType(condition) {
	case corev1.PodReadyToStartContainers, corev1.PodResizePending, corev1.PodResizeInProgress, corev1.DisruptionTarget:
		return true
	}
	return false
}
