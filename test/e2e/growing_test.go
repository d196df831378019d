package e2e

import (
	"cmp"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
)

// timeToEvict is how long a round of growing pods takes: long enough for the operator to see a steady growth.
const timeToEvict = 5 * time.Minute

// leads are how long before the eviction the victim is to be foreseen. The shortest is one reading: a kubelet's readings are
// up to 15 seconds old.
var leads = []time.Duration{15 * time.Second, time.Minute, 2 * time.Minute}

// foresight counts victims that were foreseen by summary.next alone, and by summary.forecast where there was one.
type foresight struct{ next, forecast tally }

// Candidates grow steadily until the kubelet evicts. In even rounds the pod that goes first in the end comes to the
// front in the last fifth of the time.
var _ = ginkgo.Describe("pods that grow", ginkgo.Ordered, ginkgo.ContinueOnFailure, func() {
	counts := make([]foresight, len(leads))
	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) {
		if *growingRounds > 0 {
			configure(ctx, evicting)
		}
	}, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterEach(remove, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterAll(func() {
		for i, lead := range leads {
			if counts[i].next.all > 0 {
				counts[i].next.say(fmt.Sprintf("growing, %s before, next alone", lead))
				counts[i].forecast.say(fmt.Sprintf("growing, %s before, with forecast", lead))
			}
		}
	})

	for round := range *growingRounds {
		ginkgo.It(fmt.Sprintf("are foreseen, round %d", round), func(ctx ginkgo.SpecContext) {
			hogs := drawGrowing(round)
			victim, at, seen := growUntilEvicted(ctx, hogs)
			for i, lead := range leads {
				s := seen.before(at.Add(-lead))
				say("growing %d: evicted %s; %s before: next %s, forecast %s", round, victim, lead, s.next, cmp.Or(s.forecast, "none"))
				counts[i].next.count(s.next == victim)
				counts[i].forecast.count(cmp.Or(s.forecast, s.next) == victim)
			}
			expectEvictions(ctx)
		}, ginkgo.SpecTimeout(patience(15*time.Minute)))
	}
})

// growingHog is a hog that grows by that much, in MiB a minute; 0 for one that does not.
type growingHog struct {
	hog
	growth int
}

// drawGrowing draws pods of which one or two grow, and that differ clearly in the end.
func drawGrowing(round int) []growingHog {
	random := newRandom(2000 + round)
	for {
		hogs := make([]growingHog, 0, 6)
		growers := 1 + random.IntN(2)
		for _, h := range draw(random, fmt.Sprintf("g%d", round), 350, 250) {
			g := growingHog{hog: h}
			if growers > 0 && h.limit == 0 {
				growers--
				g.growth = 60 * (1 + random.IntN(4))
				if random.IntN(2) == 0 {
					g.request = g.holds + 50*random.IntN(21) // so that it exceeds its request late, or never
				}
			}
			hogs = append(hogs, g)
		}
		used, requested, growth := 0, 0, 0
		for _, h := range hogs {
			used, requested, growth = used+h.holds, requested+h.request, growth+h.growth
		}
		// What is left of kubepods when the threshold is crossed, less what the operator and the pods' own programs use.
		end := float64(kubepods/mebibyte-evictionThreshold-100-used) / float64(growth)
		if growers > 0 || requested > 2200 || end < 0.9*timeToEvict.Minutes() || end > 1.3*timeToEvict.Minutes() {
			continue
		}
		first, _ := firstGrowing(hogs, 0)
		late, _ := firstGrowing(hogs, 0.8*end)
		last, lead := firstGrowing(hogs, end)
		if lead >= 60 && (first != last && late != last) == (round%2 == 0) {
			return hogs
		}
	}
}

// firstGrowing is whom the kubelet takes first after so many minutes, and how far it is ahead by usage over request, in MiB.
func firstGrowing(hogs []growingHog, minutes float64) (pod string, lead int) {
	later := make([]hog, len(hogs))
	for i, h := range hogs {
		later[i] = h.hog
		later[i].holds += int(float64(h.growth) * minutes)
	}
	slices.SortFunc(later, compareForKubelet)
	a, b := &later[0], &later[1]
	lead = 1 << 20
	if a.exceeds() == b.exceeds() && a.priorityClass == b.priorityClass {
		lead = a.overshoot() - b.overshoot()
	}
	if a.exceeds() != b.exceeds() {
		lead = a.overshoot()
	}
	return a.name, lead
}

// compareForKubelet says which of two pods the kubelet evicts first, by its documented rules: it shares no code with the engine.
func compareForKubelet(a, b hog) int {
	switch {
	case a.exceeds() != b.exceeds() && a.exceeds():
		return -1
	case a.exceeds() != b.exceeds():
		return 1
	}
	return cmp.Or(cmp.Compare(priorities[a.priorityClass], priorities[b.priorityClass]), cmp.Compare(b.overshoot(), a.overshoot()))
}

// sighting is what was published at a time: the pods of next and of forecast, "" for none.
type sighting struct {
	at             time.Time
	next, forecast string
}

type sightings []sighting

// before is the last sighting that is not younger than t.
func (s sightings) before(t time.Time) (last sighting) {
	for _, one := range s {
		if !one.at.After(t) {
			last = one
		}
	}
	return last
}

// growUntilEvicted lets the pods grow until the kubelet evicts one of them, and returns what was published meanwhile.
func growUntilEvicted(ctx ginkgo.SpecContext, growers []growingHog) (victim string, at time.Time, seen sightings) {
	ginkgo.GinkgoHelper()
	hogs := make([]hog, len(growers))
	pids := make([]int, len(growers))
	for i := range growers {
		hogs[i] = growers[i].hog
	}
	create(ctx, hogs...)
	awaitOrder(ctx, hogs...)
	for i := range growers {
		pids[i] = container(ctx, hogs[i].name).PID
	}
	asked, began := make([]int, len(growers)), time.Now()
	for time.Since(began) < patience(2*timeToEvict) {
		for i, g := range growers {
			for want := int(float64(g.growth)*time.Since(began).Minutes()) / step; asked[i] < want; asked[i]++ {
				gomega.Expect(machine.Host.Signal(ctx, pids[i], syscall.SIGUSR1)).To(gomega.Succeed(), "%s has died", g.name)
				time.Sleep(20 * time.Millisecond) // signals of one kind do not queue up
			}
		}
		if dead := evictions(ctx, hogs); len(dead) > 0 {
			return dead[0], time.Now(), seen
		}
		s := sighting{at: time.Now()}
		if sum := order(ctx).Status.Summary; sum != nil {
			if sum.Next != nil {
				s.next = sum.Next.Pod
			}
			if sum.Forecast != nil {
				s.forecast = sum.Forecast.Pod
			}
		}
		if k := len(seen); k == 0 || seen[k-1].next != s.next || seen[k-1].forecast != s.forecast {
			say("growing: after %3.0f s next %s, forecast %s", time.Since(began).Seconds(), s.next, cmp.Or(s.forecast, "none"))
		}
		seen = append(seen, s)
		time.Sleep(300 * time.Millisecond)
	}
	ginkgo.Fail("the kubelet evicted nobody")
	return "", time.Time{}, nil
}
