// Package wire is what the conformance test and its judges say to each other: one JSON value a line, a Hello
// from the judge first, then one Answer to each Question. It is a module of its own without dependencies,
// because each judge is built against another version of Kubernetes. P is that version's corev1.Pod.
package wire

// Hello tells which Kubernetes the judge is made of.
type Hello struct {
	// Kubernetes is the version of the k8s.io/kubernetes module, as in "v1.37.2".
	Kubernetes string `json:"kubernetes"`
	// Gates are the feature gates that matter here, at that version's defaults.
	Gates map[string]bool `json:"gates"`
}

// Question is exactly one of its fields.
type Question[P any] struct {
	Admit []Manifest[P] `json:"admit,omitempty"`
	Judge *Node[P]      `json:"judge,omitempty"`
}

// Manifest is a pod as its owner wrote it, and perhaps what it is resized to later.
type Manifest[P any] struct {
	Pod    P  `json:"pod"`
	Resize *P `json:"resize,omitempty"`
	// Aged: the pod was created before the cluster was upgraded to this minor.
	Aged bool `json:"aged,omitempty"`
	// Static: the kubelet reads it from a file, and the API server gets a mirror of it.
	Static bool `json:"static,omitempty"`
}

// Node is what the kubelet knows of its pods.
type Node[P any] struct {
	// Capacity of the node's memory in bytes.
	Capacity int64 `json:"capacity"`
	// Allocatable: the threshold crossed is allocatableMemory.available in place of memory.available.
	Allocatable bool            `json:"allocatable,omitempty"`
	Pods        []KubeletPod[P] `json:"pods"`
	// Pairs of pods, by UID, of which to say whom the kubelet prefers to evict.
	Pairs [][2]string `json:"pairs,omitempty"`
}

// KubeletPod is one pod as the kubelet holds it.
type KubeletPod[P any] struct {
	Pod P `json:"pod"`
	// Allocated is the pod as the kubelet last admitted it, absent if that is as Pod says.
	Allocated *P `json:"allocated,omitempty"`
	// Started is the pod as it was allocated when its running containers started, absent if it still is.
	Started *P `json:"started,omitempty"`
	// WorkingSet in bytes, absent if the kubelet has no stats for the pod.
	WorkingSet *int64 `json:"workingSet,omitempty"`
	// Running names the containers to compute oom_score_adj for.
	Running []string `json:"running,omitempty"`
}

// Answer to a Question.
type Answer[P any] struct {
	// Admitted answers Admit, in the same order.
	Admitted []Admitted[P] `json:"admitted,omitempty"`
	// Verdict answers Judge.
	Verdict *Verdict `json:"verdict,omitempty"`
	// Error says why there is no answer.
	Error string `json:"error,omitempty"`
}

// Admitted is what the API server made of a Manifest.
type Admitted[P any] struct {
	// Rejected says why the API server would not have it; everything else is then empty.
	Rejected string `json:"rejected,omitempty"`
	// Created is the pod as stored: defaulted, with its QoS class. Of a static pod, it is the mirror.
	Created Stored[P] `json:"created"`
	// Static is a static pod as the kubelet holds it.
	Static *Stored[P] `json:"static,omitempty"`
	// Resized is the pod as stored after the resize, absent if there was none or it was refused.
	Resized *Stored[P] `json:"resized,omitempty"`
	// ResizeRefused says why the API server would not have the resize.
	ResizeRefused string `json:"resizeRefused,omitempty"`
}

// Stored is a pod and what the kubelet derives from it once it has allocated what the pod asks for.
type Stored[P any] struct {
	Pod P `json:"pod"`
	// Request is the kubelet's memory request of the pod in bytes, rounded up.
	Request int64 `json:"request"`
	// AllocatedResources is the status field of that name, nil where this version has none.
	AllocatedResources map[string]string `json:"allocatedResources,omitempty"`
}

// Verdict is the kubelet's.
type Verdict struct {
	// Evicted pods by UID, first to last.
	Evicted []string `json:"evicted"`
	// Adjs is oom_score_adj by pod UID and container.
	Adjs map[string]map[string]int `json:"adjs"`
	// Preferred is, for each of Pairs, the UID of whom the kubelet evicts first whichever way round it is given
	// the two; "" if that depends on which way round.
	Preferred []string `json:"preferred,omitempty"`
}
