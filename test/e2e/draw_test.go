package e2e

import (
	"fmt"
	"math/rand/v2"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// Random pods hold and request multiples of 50 MiB. Two pods always differ clearly in the figure that decides between them,
// so that the noise of a reading (the operator publishes within 16Mi or 5%) cannot decide.

// drawForKubelet returns pods of every QoS class and three priorities, of which three at least exceed their requests.
func drawForKubelet(round int) []hog {
	random := newRandom(round)
	for {
		hogs := draw(random, fmt.Sprintf("e%d", round), 500, 250)
		if fit(hogs, 1500) && apart(hogs) {
			return hogs
		}
	}
}

// drawForKernel returns pods for a node of the given capacity in bytes. Their requests are so large that requests decide as
// often as the memory that the pods hold. In odd rounds the first victim is another pod if the node runs out of memory than
// if kubepods does: only a prediction that knows which limit is hit can be right.
func drawForKernel(round int, capacity int64) []hog {
	random := newRandom(1000 + round)
	for {
		hogs := draw(random, fmt.Sprintf("k%d", round), 600, 1500)
		first, lead := firstOn(expected(hogs, capacity), kubepods)
		other, otherLead := firstOn(expected(hogs, capacity), capacity)
		if fit(hogs, 2800) && min(lead, otherLead) >= 2*margin && (first != other) == (round%2 == 1) {
			return hogs
		}
	}
}

func newRandom(round int) *rand.Rand {
	return rand.New(rand.NewPCG(*seed, uint64(round)))
}

// draw returns five or six pods that hold up to `most` MiB and request up to `above` MiB more than that.
func draw(random *rand.Rand, prefix string, most, above int) []hog {
	hogs := make([]hog, 5+random.IntN(2))
	for i := range hogs {
		h := hog{
			name:          fmt.Sprintf("%s-%c", prefix, 'a'+i),
			holds:         50 * (1 + random.IntN(most/50)),
			priorityClass: []string{"", "", "low", "high"}[random.IntN(4)],
		}
		switch random.IntN(5) {
		case 0, 1: // BestEffort
		case 2, 3: // Burstable, over or within its request
			h.request = 50 * (1 + random.IntN((h.holds+above)/50))
			if h.request == h.holds {
				h.request += 50
			}
		case 4:
			h.request = h.holds + 50
			h.limit = h.request
		}
		hogs[i] = h
	}
	return hogs
}

// fit reports whether the pods are enough to choose from, and all fit on the node beside the operator.
func fit(hogs []hog, mostRequested int) bool {
	used, requested := 0, 0
	for _, h := range hogs {
		used, requested = used+h.holds, requested+h.request
	}
	return used >= 1000 && used <= 2000 && requested <= mostRequested
}

// apart reports whether the kubelet's rules rank all pods clearly, and three exceed their requests.
func apart(hogs []hog) bool {
	exceeding := 0
	for i, h := range hogs {
		if h.exceeds() {
			exceeding++
		}
		for _, other := range hogs[:i] {
			if h.exceeds() == other.exceeds() && h.priorityClass == other.priorityClass && h.overshoot() == other.overshoot() {
				return false
			}
		}
	}
	return exceeding >= 3
}

// overshoot is the usage above the request, in MiB.
func (h *hog) overshoot() int { return h.holds - h.request }

func (h *hog) exceeds() bool { return h.overshoot() > 0 }

// expected is what the kernel weighs of pods that do not exist yet.
func expected(hogs []hog, capacity int64) []weight {
	weights := make([]weight, len(hogs))
	for i, h := range hogs {
		pod := facts.Pod{QOS: facts.BestEffort, Containers: []facts.Container{{Request: int64(h.request) * mebibyte}}}
		switch {
		case h.limit > 0:
			pod.QOS = facts.Guaranteed
		case h.request > 0:
			pod.QOS = facts.Burstable
		}
		adj, err := oom.ScoreAdj(&pod, 0, capacity)
		if err != nil {
			panic(err) // only without a capacity
		}
		weights[i] = weight{pod: h.name, bytes: int64(h.holds) * mebibyte, adj: adj}
	}
	return weights
}
