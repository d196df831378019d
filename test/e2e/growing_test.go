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

// longestGrowth is how long a round may take until its last eviction.
const longestGrowth = 10 * time.Minute

// afresh is how long after an eviction the published order may still describe the time before the eviction: a kubelet's
// reading is up to 15 seconds old, and the operator asks every 5 seconds.
const afresh = 25 * time.Second

// leads are the times before an eviction at which the prediction is judged. The shortest is one reading.
var leads = []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}

// foresight counts the victims that were foreseen in three ways: by summary.next alone, by summary.forecast where there was
// one, and by the first pod of evictionOrder. The last is counted because summary.next may name a pod that is near its own
// limit; a reader who knows that the kubelet will evict looks at evictionOrder.
type foresight struct {
	next, order, forecast tally
	// nextOnly and forecastOnly count the evictions in which only next or only the forecast was right. orderOnly and
	// overOrder do the same for evictionOrder and the forecast.
	nextOnly, forecastOnly, orderOnly, overOrder int
}

func (f *foresight) count(s sighting, victim string) {
	byNext, byOrder, byForecast := s.next == victim, s.order == victim, cmp.Or(s.forecast, s.next) == victim
	f.next.count(byNext)
	f.order.count(byOrder)
	f.forecast.count(byForecast)
	for count, yes := range map[*int]bool{
		&f.nextOnly: byNext && !byForecast, &f.forecastOnly: byForecast && !byNext,
		&f.orderOnly: byOrder && !byForecast, &f.overOrder: byForecast && !byOrder,
	} {
		if yes {
			*count++
		}
	}
}

func (f *foresight) say(what string) {
	if f.next.all == 0 {
		return
	}
	f.next.say(what + ", next alone")
	f.order.say(what + ", first of evictionOrder")
	f.forecast.say(what + ", with forecast")
	say("%s: right with forecast and not by next %d, the reverse %d; with forecast and not by evictionOrder %d, the reverse %d",
		what, f.forecastOnly, f.nextOnly, f.overOrder, f.orderOnly)
}

// Some pods grow steadily until the kubelet has evicted two of them. The second eviction comes soon after the first, and the
// operator still knows how fast the other pods have grown. In even rounds the pod that is evicted first becomes the first
// candidate only in the last third of the time.
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
			counts[i].say(fmt.Sprintf("growing, %s before", lead))
		}
	})

	for round := range *growingRounds {
		ginkgo.It(fmt.Sprintf("are foreseen, round %d", round), func(ctx ginkgo.SpecContext) {
			hogs := drawGrowing(round)
			for _, h := range hogs {
				say("growing %d: %s holds %d, requests %d, limit %d, priority %q, grows %d a minute", round, h.name, h.holds, h.request, h.limit,
					h.priorityClass, h.growth)
			}
			ended, seen := growUntilEvicted(ctx, hogs, len(play(hogs)))
			after := time.Time{}
			for _, e := range ended {
				for i, lead := range leads {
					at := e.at.Add(-lead)
					if at.Before(after) || at.Before(seen[0].at) {
						continue // there was another next kill then, or nothing grew yet
					}
					s := seen.before(at)
					say("growing %d: evicted %s; %s before: next %s, first of evictionOrder %s, forecast %s",
						round, e.pod, lead, s.next, s.order, cmp.Or(s.forecast, "none"))
					counts[i].count(s, e.pod)
				}
				after = e.at.Add(afresh)
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

// drawGrowing draws pods, of which two or three grow. Whenever the kubelet evicts, the first victim is clearly ahead of the
// other pods.
func drawGrowing(round int) []growingHog {
	random := newRandom(2000 + round)
	for {
		hogs := make([]growingHog, 0, 6)
		growers := 2 + random.IntN(2)
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
		if growers == 0 && requested(hogs) <= 1500 && instructive(hogs, round%2 == 0) {
			return hogs
		}
	}
}

// requested is the sum of the pods' requests. The scheduler has room for 1500 MiB beside the operator.
func requested(hogs []growingHog) (mib int) {
	for _, h := range hogs {
		mib += h.request
	}
	return mib
}

// instructive reports whether the course of these pods is a good question: the first eviction comes when the operator can have
// seen a steady growth, the second soon after, and in each the first victim is clear. late is whether the first victim of the
// first eviction comes to the front in the last third of the time.
func instructive(hogs []growingHog, late bool) bool {
	course := play(hogs)
	if len(course) != 2 || course[0].minutes < 5 || course[0].minutes > 6.2 || min(course[0].lead, course[1].lead) < 60 {
		return false
	}
	if between := course[1].minutes - course[0].minutes; between < 1.2 || between > 3 {
		return false
	}
	first, _ := firstGrowing(hogs, 0)
	then, _ := firstGrowing(hogs, 0.67*course[0].minutes)
	last := course[0].pod
	return (first != last && then != last) == late && (late || first == last)
}

// expectedEviction is an eviction by the documented rules: after how many minutes, of which pod, and how far this pod is
// ahead of the next, in MiB.
type expectedEviction struct {
	minutes float64
	pod     string
	lead    int
}

// play returns the first two evictions of a round, or fewer if growth ends before.
func play(hogs []growingHog) (course []expectedEviction) {
	left := slices.Clone(hogs)
	for minutes := 0.0; minutes < longestGrowth.Minutes() && len(course) < 2; minutes += 0.1 {
		used := 0.0
		for _, h := range left {
			used += float64(h.holds) + float64(h.growth)*minutes
		}
		if used < kubepods/mebibyte-evictionThreshold-100 { // the operator and the pods' own programs use 100 MiB
			continue
		}
		pod, lead := firstGrowing(left, minutes)
		course = append(course, expectedEviction{minutes, pod, lead})
		left = slices.DeleteFunc(left, func(h growingHog) bool { return h.name == pod })
	}
	return course
}

// firstGrowing is the pod that the kubelet evicts first after so many minutes, and how far this pod is ahead by usage over
// request, in MiB.
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

// compareForKubelet says which of two pods the kubelet evicts first, by the kubelet's documented rules. The function shares
// no code with the engine, so that an error of the engine shows.
func compareForKubelet(a, b hog) int {
	switch {
	case a.exceeds() != b.exceeds() && a.exceeds():
		return -1
	case a.exceeds() != b.exceeds():
		return 1
	}
	return cmp.Or(cmp.Compare(priorities[a.priorityClass], priorities[b.priorityClass]), cmp.Compare(b.overshoot(), a.overshoot()))
}

// sighting is what was published at a time: the pods of next and of forecast, "" for none, and the first of evictionOrder.
type sighting struct {
	at                    time.Time
	next, order, forecast string
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

// look adds what is published now.
func (s *sightings) look(ctx ginkgo.SpecContext, began time.Time) {
	ginkgo.GinkgoHelper()
	o, now := order(ctx), sighting{at: time.Now()}
	if first := evictionOrder(o); len(first) > 0 {
		now.order = first[0]
	}
	if sum := o.Status.Summary; sum != nil {
		if sum.Next != nil {
			now.next = sum.Next.Pod
		}
		if sum.Forecast != nil {
			now.forecast = sum.Forecast.Pod
		}
	}
	if k := len(*s); k == 0 || (*s)[k-1].next != now.next || (*s)[k-1].order != now.order || (*s)[k-1].forecast != now.forecast {
		say("growing: after %3.0f s next %s, first of evictionOrder %s, forecast %s",
			now.at.Sub(began).Seconds(), now.next, now.order, cmp.Or(now.forecast, "none"))
	}
	*s = append(*s, now)
}

// seenEviction is an eviction and when the kubelet told of it.
type seenEviction struct {
	pod string
	at  time.Time
}

// growUntilEvicted lets the pods grow until the kubelet has evicted so many of them, and returns what was published meanwhile.
func growUntilEvicted(ctx ginkgo.SpecContext, growers []growingHog, enough int) (ended []seenEviction, seen sightings) {
	ginkgo.GinkgoHelper()
	hogs, pids := make([]hog, len(growers)), make([]int, len(growers))
	for i := range growers {
		hogs[i] = growers[i].hog
	}
	create(ctx, hogs...)
	awaitOrder(ctx, hogs...)
	for i := range growers {
		pids[i] = container(ctx, hogs[i].name).PID
	}
	asked, began := make([]int, len(growers)), time.Now()
	for time.Since(began) < patience(longestGrowth) {
		for i, g := range growers {
			if slices.ContainsFunc(ended, func(e seenEviction) bool { return e.pod == g.name }) {
				continue
			}
			for want := int(float64(g.growth)*time.Since(began).Minutes()) / step; asked[i] < want; asked[i]++ {
				if machine.Host.Signal(ctx, pids[i], syscall.SIGUSR1) != nil {
					break // the pod has just been evicted; if it was not, the wait for evictions fails
				}
				time.Sleep(20 * time.Millisecond) // signals of one kind do not queue up
			}
		}
		for _, pod := range evictions(ctx, hogs)[len(ended):] {
			ended = append(ended, seenEviction{pod, time.Now()})
			say("growing: after %3.0f s the kubelet evicts %s", time.Since(began).Seconds(), pod)
		}
		seen.look(ctx, began)
		if len(ended) >= enough {
			return ended, seen
		}
		time.Sleep(300 * time.Millisecond)
	}
	gomega.Expect(ended).To(gomega.HaveLen(enough), "evictions")
	return ended, seen
}
