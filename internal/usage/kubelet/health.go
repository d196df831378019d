package kubelet

import (
	"math/rand/v2"
	"time"

	"github.com/killorder/killorder/internal/usage"
)

const (
	// maxBackoff is the longest time between two requests to a kubelet that fails.
	maxBackoff = 5 * time.Minute
	// tolerated is how many requests in a row may fail before the node's readings come from elsewhere.
	tolerated = 1
	// convincing is how many requests in a row must be answered after that, before the readings come from the kubelet again.
	convincing = 3
)

// phase says whether a kubelet's readings are used.
type phase int8

const (
	// phaseNew: the kubelet was never read.
	phaseNew phase = iota
	// phaseRead: its readings are used. After one failure, its last reading is still used.
	phaseRead
	// phaseFailed: its node's readings come from elsewhere.
	phaseFailed
)

// health is what became of the requests for a kubelet's Summary. Two sources measure differently, so the readings of a node
// should not change from one source to the other and back: one failure changes nothing, and one answer after several
// failures changes nothing either.
//
//	phase     an answer             a failure
//	New       Read                  New, Failed from the second in a row
//	Read      Read                  Read, Failed from the second in a row
//	Failed    Failed, then Read     Failed
//	          from the third in a row
//
// After the first failure the kubelet is asked in the next pass. After each further failure the kubelet is left alone for
// twice as long as before.
type health struct {
	phase phase
	// problem and err say why the last request failed; they are nil if it was answered, or if there was none.
	problem *Problem
	err     error
	// inARow is how many requests ended like the last one.
	inARow int
	// askedAt is when the last request ended that was sent. Without a token, no request is sent.
	askedAt time.Time
	// suspect: the last request that was sent failed.
	suspect bool
	// notBefore is the time of the next request.
	notBefore time.Time
}

// succeed takes a request that was answered.
func (h *health) succeed(now time.Time) {
	h.count(h.problem == nil)
	h.askedAt, h.problem, h.err, h.suspect, h.notBefore = now, nil, nil, false, time.Time{}
	if h.phase != phaseFailed || h.inARow >= convincing {
		h.phase = phaseRead
	}
}

// fail takes a request that failed.
func (h *health) fail(problem *Problem, err error, interval time.Duration, now time.Time) {
	sent := !h.lacksToken() || problem.Cause == usage.FailedToken // else the failure before was none of the kubelet's
	h.count(h.problem != nil && sent)
	h.problem, h.err = problem, err
	if !h.lacksToken() {
		h.askedAt, h.suspect = now, true
	}
	h.notBefore = now.Add(backoff(interval, h.inARow))
	if h.inARow > tolerated && (h.phase != phaseNew || !h.lacksToken()) { // a kubelet that was never read does not fail for want of a token
		h.phase = phaseFailed
	}
}

func (h *health) count(again bool) {
	if !again {
		h.inARow = 0
	}
	h.inARow++
}

// failing reports whether the last request failed.
func (h *health) failing() bool { return h.problem != nil }

// mayAsk reports whether the kubelet may be asked now. If notBefore is further ahead than maxBackoff, the clock was put back
// after notBefore was set: the kubelet may then be asked. Where the operator lacks a token, the failure is not the
// kubelet's, so there is no reason to leave the kubelet alone.
func (h *health) mayAsk(now time.Time) bool {
	return !now.Before(h.notBefore) || h.notBefore.Sub(now) > maxBackoff || h.lacksToken()
}

// lacksToken reports whether the last request was not sent, because the operator had no token for it.
func (h *health) lacksToken() bool { return h.failing() && h.problem.Cause == usage.FailedToken }

// text says why the node's readings come from another source. It is "" if they come from the kubelet, or if nothing is known
// yet.
func (h *health) text() string {
	switch {
	case h.phase == phaseRead:
	case h.failing():
		return h.problem.Text
	case h.phase == phaseFailed:
		return "The kubelet answers again, after it did not."
	}
	return ""
}

// backoff is how long a kubelet is left alone after so many failures in a row. After the first failure this time is shorter
// than the interval, so that the next pass asks the kubelet.
func backoff(interval time.Duration, failures int) time.Duration {
	wait := interval / 2
	for range failures - 1 {
		wait = min(2*wait, maxBackoff)
	}
	return jittered(wait)
}

// jittered shortens a time by up to a tenth, so that kubelets that failed together are not asked again together.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/10+1) }
