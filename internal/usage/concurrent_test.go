package usage_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

// TestReadersSeeWholePasses: while passes replace each other, a reader finds each pod as one pass left it, and
// what it was given does not change under it.
func TestReadersSeeWholePasses(t *testing.T) {
	const pods = 200
	store := usage.NewStore(keep, time.Now)
	at := time.Now().Add(-time.Minute)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				r, ok := store.Pod("shop", fmt.Sprintf("pod-%d", i%pods))
				if ok && r.WorkingSet != r.Containers[0].WorkingSet+r.Containers[1].WorkingSet {
					t.Errorf("torn reading: %+v", r)
					return
				}
				if ok && r.History[len(r.History)-1].WorkingSet != r.WorkingSet {
					t.Errorf("torn history: %+v", r)
					return
				}
				r.Containers = append(r.Containers[:0], facts.ContainerReading{})
			}
		})
	}
	for n := range int64(50) {
		pass := store.Begin()
		for i := range pods {
			if (int64(i)+n)%7 != 0 { // some are missing in each pass
				pass.Pod(reading(fmt.Sprintf("pod-%d", i), at.Add(time.Duration(n)*time.Second), n*mib, 2*n*mib))
			}
		}
		pass.Commit()
	}
	close(stop)
	readers.Wait()
	if got, _ := store.Len(); got != pods {
		t.Errorf("%d pods, want %d", got, pods)
	}
}
