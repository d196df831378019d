package kubelet

import (
	"math"
	"math/rand/v2"

	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	page = 4 << 10
	mi   = 1 << 20
	gi   = 1 << 30
)

// dice is a source of random choices.
type dice struct{ *rand.Rand }

// newDice returns the dice of one node of a run: a node can be thrown again without those before it.
func newDice(seed uint64, node int) dice {
	return dice{rand.New(rand.NewPCG(seed, uint64(node)))}
}

// percent is true that often.
func (d dice) percent(p int) bool { return d.IntN(100) < p }

// oneOf picks one of the choices.
func oneOf[T any](d dice, choices ...T) T { return choices[d.IntN(len(choices))] }

// logarithmic is an amount between low and high bytes, each order of magnitude as likely as another.
func (d dice) logarithmic(low, high int64) int64 {
	if high <= low {
		return low
	}
	return int64(math.Exp(math.Log(float64(low)) + d.Float64()*(math.Log(float64(high))-math.Log(float64(low)))))
}

// capacity of a node: round ones, and as real machines have them.
func (d dice) capacity() int64 {
	if d.percent(30) {
		return oneOf[int64](d, 512*mi, 1*gi, 2*gi, 4*gi, 16*gi, 64*gi, 1536*gi)
	}
	return d.logarithmic(400*mi, 2048*gi) / (4 * 1024) * (4 * 1024)
}

// memory that somebody could request on a node with that capacity, with a liking for where rules change: nothing
// at all, a thousandth of the capacity (one point of oom_score_adj), and all of it (where that is clamped).
func (d dice) memory(capacity int64) resource.Quantity {
	switch n := d.IntN(100); {
	case n < 15:
		return d.odd(capacity)
	case n < 30:
		return bytes(max(capacity/1000*d.Int64N(1004)+d.Int64N(3)-1, 0))
	case n < 38:
		return bytes(capacity/1000*(985+d.Int64N(25)) + d.Int64N(2000) - 1000)
	case n < 46:
		return bytes(1 + d.Int64N(capacity/1000))
	case n < 60:
		return bytes(oneOf[int64](d, 64, 128, 256, 512) * mi)
	}
	return bytes(max(d.logarithmic(1*mi, capacity/3)/mi*mi, 1*mi))
}

// odd amounts, as people write them by accident; but whole bytes, in which killorder counts. Less than a byte could
// decide only between pods that are as good as tied.
func (d dice) odd(capacity int64) resource.Quantity {
	switch d.IntN(5) {
	case 0:
		return bytes(0)
	case 1:
		return *resource.NewQuantity(d.logarithmic(1, capacity), resource.DecimalSI)
	case 2:
		return *resource.NewMilliQuantity(1000*d.logarithmic(1, capacity), resource.DecimalSI)
	case 3:
		return resource.MustParse(oneOf(d, "1e8", "0.5Gi", "100M", "1.5G", "64", "1k"))
	}
	return bytes(d.logarithmic(1, 2*capacity))
}

// moreThan is an amount of at least q.
func (d dice) moreThan(q resource.Quantity, capacity int64) resource.Quantity {
	if d.percent(30) {
		return q.DeepCopy()
	}
	more := q.DeepCopy()
	more.Add(d.memory(capacity))
	return more
}

func (d dice) cpu() resource.Quantity {
	return *resource.NewMilliQuantity(oneOf[int64](d, 1, 10, 100, 250, 1000, 2000), resource.DecimalSI)
}

// workingSet of a pod with that memory request, in whole pages, as cgroups count: on both sides of the request,
// and exactly on it.
func (d dice) workingSet(request, capacity int64) int64 {
	var ws int64
	switch n := d.IntN(100); {
	case n < 2:
		ws = 0
	case n < 30:
		ws = int64(d.Float64() * float64(request))
	case n < 40:
		ws = request
	case n < 50:
		ws = request + oneOf[int64](d, -page, page)
	case n < 60:
		ws = request + oneOf[int64](d, 1, 2, 3)*100*mi
	case n < 70:
		ws = oneOf[int64](d, 10, 50, 200) * mi
	default:
		ws = request + d.logarithmic(page, capacity)
	}
	return min(max(ws, 0), capacity) / page * page
}

func bytes(n int64) resource.Quantity { return *resource.NewQuantity(n, resource.BinarySI) }
