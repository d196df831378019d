package kills

import (
	"fmt"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/podcache"
)

// BenchmarkSee is what the watch of pods waits for: a change of a healthy pod, of a pod that was killed once, and of each
// pod of a node whose pods are killed one after the other.
func BenchmarkSee(b *testing.B) {
	bench := func(name string, next func(w *world, tracker *Tracker, i int)) {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			w.lead()
			tracker, i := w.track(63<<20), 0
			b.ReportAllocs()
			for b.Loop() {
				next(w, tracker, i)
				i++
			}
		})
	}
	healthy := newWorld(b).podOf("a")
	bench("Healthy", func(_ *world, tracker *Tracker, _ int) { tracker.See(podcache.Sighting{Pod: healthy}) })
	bench("KilledBefore", func(w *world, tracker *Tracker, i int) {
		p := w.podOf("a", w.died("OOMKilled", 137, time.Second))
		p.Status.ContainerStatuses[0].RestartCount = int32(i)
		tracker.See(podcache.Sighting{Pod: p})
	})
	bench("Burst", func(w *world, tracker *Tracker, i int) {
		w.clock.SetTime(w.clock.Now().Add(60 * time.Millisecond))
		tracker.See(podcache.Sighting{Pod: w.podOf(fmt.Sprint("p", i), w.died("OOMKilled", 137, time.Second))})
	})
}
