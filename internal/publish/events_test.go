package publish

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/facts/factstest"
)

// A namespace whose pods flap uses up its own budget; the Events of others still go out at once.
func TestEventBudgetOfTwoTenants(t *testing.T) {
	b, now := &EventBudget{}, factstest.Now
	allowed := func(namespace string, tries int) (n int) {
		for range tries {
			if allows(b, namespace, now) {
				n++
			}
		}
		return n
	}
	if got := allowed("noisy", 300); got != namespaceEventBurst {
		t.Errorf("a burst of %d, want %d", got, namespaceEventBurst)
	}
	if got := allowed("quiet", 3); got != 3 {
		t.Errorf("the other tenant: %d of 3", got)
	}
	for range 60 {
		now = now.Add(time.Second)
		allowed("noisy", 300)
		if got := allowed("quiet", 1); got != 1 {
			t.Fatal("the other tenant waits for the noisy one")
		}
	}
}

// All namespaces together stay within the cluster's budget, and what is remembered of them is bounded.
func TestEventBudgetOfTheCluster(t *testing.T) {
	b, now, sent := &EventBudget{}, factstest.Now, 0
	for second := range 100 {
		for i := range 100 {
			if allows(b, fmt.Sprintf("namespace-%d-%d", second, i), now) {
				sent++
			}
		}
		now = now.Add(time.Second)
	}
	if most := eventBurst + 100*eventsPerSecond; sent > most || sent < most/2 {
		t.Errorf("%d Events in 100 seconds, want at most %d", sent, most)
	}
	if len(b.namespaces) > mostNamespaces {
		t.Errorf("%d namespaces remembered", len(b.namespaces))
	}
}

// A namespace that takes no Event waits longer after each failure, up to a bound; one that takes an Event again waits no more.
func TestEventBudgetAfterFailures(t *testing.T) {
	b, now, tries := &EventBudget{}, factstest.Now, []int(nil)
	for second := range 100 {
		if allows(b, "refuses", now.Add(time.Duration(second)*time.Second)) {
			b.Failed("refuses", now.Add(time.Duration(second)*time.Second))
			tries = append(tries, second)
		}
	}
	if want := []int{0, 1, 3, 7, 15, 31, 63, 95}; !slices.Equal(tries, want) {
		t.Errorf("tried in the seconds %v, want %v", tries, want)
	}
	now = now.Add(127 * time.Second)
	if !allows(b, "refuses", now) {
		t.Fatal("not tried again")
	}
	b.Created("refuses")
	if !allows(b, "refuses", now) {
		t.Error("the namespace waits although it took an Event")
	}
}

func allows(b *EventBudget, namespace string, now time.Time) bool {
	_, ok := b.Allow(namespace, now)
	return ok
}

// A new leader offers again what the leader before has told: Events that are given back hold up nothing, also where others are taken
// meanwhile.
func TestEventsThatAreGivenBack(t *testing.T) {
	b, now := &EventBudget{}, factstest.Now
	for i := range 10 * namespaceEventBurst {
		giveBack, ok := b.Allow("shop", now.Add(time.Duration(i)*time.Millisecond))
		if !ok {
			t.Fatalf("Event %d waits", i+1)
		}
		if i%namespaceEventBurst == 5 && !allows(b, "other", now.Add(time.Duration(i)*time.Millisecond)) {
			t.Fatal("another namespace waits")
		}
		giveBack()
	}
	now, got := now.Add(time.Duration(10*namespaceEventBurst)*time.Millisecond), 0
	for allows(b, "shop", now) {
		got++
	}
	if got != namespaceEventBurst {
		t.Errorf("%d Events left, want %d", got, namespaceEventBurst)
	}
}
