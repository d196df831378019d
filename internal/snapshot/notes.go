package snapshot

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/killorder/killorder/internal/facts"
)

// omission is a way in which something is left out of a snapshot, not known, or assumed.
type omission int

// The omissions, in the order of their notes.
const (
	omittedPods omission = iota
	omittedKubelets
	omittedLate
	omittedStrangers
	omittedStrangeNodes
	omittedUnreadNodes
	omittedUnreadPods
	omittedReadings
	omittedFuture
	omittedClasses
	omittedCapacity
	omittedKernels
	omittedOld
	appliedConfig
	omittedAmbiguous
	omittedMoments
	omittedObjects
	omittedAnswers
	omittedBroken
	omittedEmpty
	omittedForeign
	omittedIrregular
	omittedNested
	omittedMessages
	omittedLogs
	omittedKinds
	omittedFiles
	omittedHidden
)

// sentences of the omissions, for one and for many; %s is the first, or for skipped kinds all.
var sentences = map[omission][2]string{
	omittedPods: {
		"1 pod on a node that is not in the snapshot left out (%s)",
		"%d pods on nodes that are not in the snapshot left out (first: %s)",
	},
	omittedKubelets: {
		"a kubelet's answers left out, its node is not in the snapshot (%s)",
		"%d kubelets' answers left out, their nodes are not in the snapshot (first: %s)",
	},
	omittedLate: {
		"the killorder operator had not looked at the node for more than ten minutes: its culprit is not taken (%s)",
		"the killorder operator had not looked at %d nodes for more than ten minutes: its culprits and forecasts are not taken (first: %s)",
	},
	omittedStrangers: {
		"1 pod has a reading, but is not among the pods read, so it is in no order (%s)",
		"%d pods have readings, but are not among the pods read, so they are in no order (first: %s)",
	},
	omittedStrangeNodes: {
		"1 NodeMetrics of a node that is not in the snapshot left out (%s)",
		"%d NodeMetrics of nodes that are not in the snapshot left out (first: %s)",
	},
	omittedUnreadNodes: {
		"1 node has no reading of its own, so its memory in use is unknown (%s)",
		"%d nodes have no reading of their own, so their memory in use is unknown (first: %s)",
	},
	omittedUnreadPods: {
		"1 running pod has no reading, so its usage is unknown (%s)",
		"%d running pods have no reading, so their usage is unknown (first: %s)",
	},
	omittedReadings: {
		"1 reading that cannot be used left out (%s)",
		"%d readings that cannot be used left out (first: %s)",
	},
	omittedFuture: {
		"1 reading left out, it is more than an hour later than the others (%s)",
		"%d readings left out, they are more than an hour later than the others (first: %s)",
	},
	omittedClasses: {
		"1 pod has no priority and a PriorityClass that is not in the snapshot, 0 assumed (%s)",
		"%d pods have no priority and a PriorityClass that is not in the snapshot, 0 assumed (first: %s)",
	},
	omittedCapacity: {
		"1 node reports no memory capacity, so it has no OOM order (%s)",
		"%d nodes report no memory capacity, so they have no OOM order (first: %s)",
	},
	omittedKernels: {
		"1 node is not under the Linux kernel's rules, so it has no OOM order (%s)",
		"%d nodes are not under the Linux kernel's rules, so they have no OOM order (first: %s)",
	},
	omittedOld: {
		fmt.Sprintf("1 node's kubelet is older than any that the orders were compared with (1.%d): ", facts.OldestJudged) + "%s",
		fmt.Sprintf("%%d nodes' kubelets are older than any that the orders were compared with (1.%d); first: ", facts.OldestJudged) + "%s",
	},
	appliedConfig: {
		"a KubeletConfiguration that names no node taken for that of 1 node without one (%s)",
		"a KubeletConfiguration that names no node taken for that of %d nodes without one (first: %s)",
	},
	omittedAmbiguous: {
		"KubeletConfigurations that differ and name no node left out: put each in kubelet/NODE/ (%s)",
		"KubeletConfigurations that differ and name no node left out: put each in kubelet/NODE/ (%[2]s)",
	},
	omittedMoments: {
		"1 object is there at two moments, the newer one counts (%s)",
		"%d objects are there at two moments, the newer ones count (first: %s)",
	},
	omittedObjects: {
		"1 object that cannot be used left out (%s)",
		"%d objects that cannot be used left out (first: %s)",
	},
	omittedAnswers: {
		"1 answer of a kubelet or an API server that cannot be used left out (%s)",
		"%d answers of kubelets or API servers that cannot be used left out (first: %s)",
	},
	omittedBroken: {
		"1 broken file left out, or what follows the break (%s)",
		"%d broken files left out, or what follows the break (first: %s)",
	},
	omittedEmpty: {"1 empty file left out (%s)", "%d empty files left out (first: %s)"},
	omittedForeign: {
		"1 file left out, or a part of it, since it holds other things than Kubernetes objects (%s)",
		"%d files left out, or parts of them, since they hold other things than Kubernetes objects (first: %s)",
	},
	omittedIrregular: {
		"1 file left out that is not a regular one (%s)",
		"%d files left out that are not regular ones (first: %s)",
	},
	omittedNested: {"1 archive within an archive left out (%s)", "%d archives within an archive left out (first: %s)"},
	omittedMessages: {
		"1 line before the objects skipped (%s)",
		"%d lines before the objects skipped (first: %s)",
	},
	omittedLogs:  {"1 container's logs skipped (%s)", "%d containers' logs skipped (first: %s)"},
	omittedKinds: {"1 object of another kind skipped (%s)", "%d objects of other kinds skipped (%s)"},
	omittedFiles: {
		"1 file skipped that is not .json, .yaml or .yml (%s)",
		"%d files skipped that are not .json, .yaml or .yml (first: %s)",
	},
	omittedHidden: {"1 hidden file or folder skipped (%s)", "%d hidden files or folders skipped (first: %s)"},
}

// omissions counts them.
type omissions struct {
	counts map[omission]int
	firsts map[omission]string
	kinds  map[string]int
}

func (o *omissions) count(what omission, example string) {
	if o.counts == nil {
		o.counts, o.firsts, o.kinds = map[omission]int{}, map[omission]string{}, map[string]int{}
	}
	o.counts[what]++
	if o.counts[what] == 1 {
		o.firsts[what] = example
	}
	if what == omittedKinds {
		o.kinds[example]++
	}
}

// notes are the omissions, a line each.
func (o *omissions) notes() (notes []string) {
	for _, what := range slices.Sorted(maps.Keys(o.counts)) {
		n, example := o.counts[what], o.firsts[what]
		if what == omittedKinds {
			example = o.kindCounts()
		}
		note := fmt.Sprintf(sentences[what][0], example)
		if n > 1 {
			note = fmt.Sprintf(sentences[what][1], n, example)
		}
		notes = append(notes, oneLine(note))
	}
	return notes
}

// kindCounts names the kinds skipped most, five at most.
func (o *omissions) kindCounts() string {
	const most = 5
	kinds := slices.SortedFunc(maps.Keys(o.kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(o.kinds[b], o.kinds[a]), strings.Compare(a, b))
	})
	if len(kinds) == 1 {
		return kinds[0]
	}
	parts := make([]string, 0, most+1)
	for i, kind := range kinds {
		if i == most {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, fmt.Sprintf("%s %d", kind, o.kinds[kind]))
	}
	return strings.Join(parts, ", ")
}
