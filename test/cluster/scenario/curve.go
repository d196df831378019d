package scenario

import (
	"math"
	"time"
)

// noiseStep is how long a figure with noise stays the same: as long as a real
// kubelet keeps its stats. All endpoints of a kubelet then give the same figure.
const noiseStep = 10 * time.Second

// Curve is an amount of memory over time, in bytes: From until After, then a
// straight line that reaches To in the time Over, then To.
type Curve struct {
	From, To    int64
	After, Over time.Duration
	// Noise is the largest deviation, as a fraction of the amount.
	Noise float64
}

// At returns the bytes at a time since the start of the scenario. The key
// chooses the noise: the same key and time give the same bytes.
func (c Curve) At(elapsed time.Duration, key uint64) int64 {
	bytes := float64(c.From) + float64(c.To-c.From)*c.progress(elapsed)
	if c.Noise > 0 {
		bytes += bytes * c.Noise * jitter(key, uint64(elapsed/noiseStep))
	}
	return int64(bytes)
}

// progress is 0 before the growth, 1 after it.
func (c Curve) progress(elapsed time.Duration) float64 {
	switch grown := elapsed - c.After; {
	case grown <= 0:
		return 0
	case grown >= c.Over:
		return 1
	default:
		return float64(grown) / float64(c.Over)
	}
}

// jitter is a repeatable number in [-1, 1].
func jitter(key, step uint64) float64 {
	return float64(mix(key^mix(step+1)))/float64(math.MaxUint64)*2 - 1
}

// mix is the finalizer of splitmix64: neighbouring inputs give unrelated
// outputs.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
