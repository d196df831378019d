package kubelet

import (
	"cmp"
	"slices"
	"time"
)

const (
	// mostPasses is how many passes there are at most from one request to a resting kubelet to the next.
	mostPasses = 4
	// readingAge is how old a reading may be when the kubelet answers: a kubelet measures every ten seconds or so.
	readingAge = 10 * time.Second
)

// restPasses returns n: a resting kubelet is asked in each n-th pass. With n passes between two requests, readings are not stale yet
// when one request has failed and the next pass, which has asked again, is over. A pass takes half an interval for its requests, and
// waits up to patience for their answers. n is mostPasses at most; 1 means that no kubelet rests.
func restPasses(maxAge, interval, patience time.Duration) int {
	return int(min(max((maxAge-interval/2-patience-readingAge)/interval-1, 1), mostPasses))
}

// rest divides the kubelets that may be asked into those to ask in this pass and those that rest. A kubelet may rest while its node
// is quiet for longer than until the request after next, so that one failed request does no harm; while its readings are used; and
// while neither the kubelet's address, nor its version, nor its node's boot has changed. Of the kubelets that may rest, each pass
// asks the same share, those that were read the longest time ago, and all whose turn would come too late otherwise.
func (s *Source) rest(due []*kubelet, now time.Time) (ask []*kubelet) {
	every := 1
	if s.Quiet != nil && s.MaxAge != nil {
		every = restPasses(s.MaxAge(), s.Interval, s.patience)
	}
	if every == 1 {
		return due
	}
	var quiet []*kubelet
	for _, k := range due {
		if k.mayRest() && s.Quiet(k.Name) >= time.Duration(every+1)*s.Interval {
			quiet = append(quiet, k)
		} else {
			ask = append(ask, k)
		}
	}
	slices.SortFunc(quiet, func(a, b *kubelet) int {
		return cmp.Or(a.health.askedAt.Compare(b.health.askedAt), cmp.Compare(a.Name, b.Name))
	})
	share := (len(quiet) + every - 1) / every
	// A kubelet that was asked in the pass that began every-1 passes ago answered after this time; one that was asked in the pass before
	// that pass had answered by this time.
	latest := now.Add(-time.Duration(every-1)*s.Interval - s.patience)
	for i, k := range quiet {
		if i < share || k.health.askedAt.Before(latest) {
			ask = append(ask, k)
		} else {
			k.resting = true
		}
	}
	return ask
}

// mayRest reports whether nothing about the kubelet itself calls for a request now.
func (k *kubelet) mayRest() bool {
	return k.health.phase == phaseRead && !k.health.failing() && !k.changed
}

// Rests reports whether a node's kubelet was left alone by the latest pass because the node is quiet: there are no new readings.
func (s *Source) Rests(node string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.kubelets[node]
	return k != nil && k.resting
}
