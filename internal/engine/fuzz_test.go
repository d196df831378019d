package engine_test

import (
	"bytes"
	"testing"

	. "github.com/killorder/killorder/internal/facts/factstest"
)

// FuzzEvaluate: whatever the node, Evaluate does not panic, its orders are permutations that follow their rules, and
// the same node gives the same verdict.
func FuzzEvaluate(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 64))
	f.Add(bytes.Repeat([]byte{1, 24, 255, 7}, 300))
	for _, stride := range []int{3, 7, 31, 101} {
		data := make([]byte, 2048)
		for i := range data {
			data[i] = byte(i * stride)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n := FromBytes(data)
		v := evaluate(n)
		wellFormed(t, n, &v)
		again := FromBytes(data)
		same(t, "Evaluate changed its input", again, n)
		same(t, "the same node gives two verdicts", v, evaluate(again))
	})
}
