// Package poll reads a source of usage again and again, and counts what became of it.
package poll

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/killorder/killorder/internal/usage"
)

// Runner makes a pass over the source at each interval. It is a Runnable of the manager that only the leader runs. A
// failure never stops the runner: the next pass tries again. Each failure is counted in each pass, and logged once when
// it begins and once when the source recovers.
type Runner struct {
	Source   usage.Source
	Store    *usage.Store
	Interval time.Duration
	// Ready returns once the cluster's pods are known; nil waits for nothing. Readings of unknown pods are left out: if a
	// pass ran before Ready, the first orders would have no usage until the next pass.
	Ready func(context.Context) error
	// Judged reports whether each node was judged since this process leads; nil is always. Until each node was judged, passes after the
	// first are put off, because a pass would take CPU time from the writing of the first orders. MaxAge returns the age from which
	// readings are stale, which bounds for how long passes are put off (mostPutOff).
	Judged func() bool
	MaxAge func() time.Duration
	// OnPass is called after each pass, also after one that failed; nil calls nothing.
	OnPass func()
	// OnPortion is called with the nodes that a part of a pass in portions has read, when readers see their readings; nil calls nothing.
	OnPortion func(nodes []string)
	Log       logr.Logger
	Metrics   *Metrics

	mu     sync.Mutex
	status Status
	seen   seen

	// failing and dropping hold what the log has reported as begun and not yet as ended. Only the passes use these sets, and
	// passes follow one another, so the sets need no lock.
	failing  sets.Set[failureKey]
	dropping sets.Set[usage.DropCause]
}

// lookAgain is how often Judged is asked while a pass is put off.
const lookAgain = time.Second

type failureKey struct {
	cause usage.FailureCause
	of    string
}

// Status is how the latest pass went.
type Status struct {
	// At is when the pass ended, zero before the first one.
	At time.Time
	// Failures are empty if everything was read.
	Failures []usage.Failure
	usage.Result
}

// Status returns how the latest pass went. Callers share it and must not change it.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Passed reports whether a node was read, or could have been: the first pass is over, or the part of it that has the node.
func (r *Runner) Passed(node string) bool {
	return r.seen.has(node) || !r.Status().At.IsZero() // in this order: seen is forgotten once the status is set
}

// HadPortion reports, during OnPass of a pass in portions, whether OnPortion was called with the node in this pass.
func (r *Runner) HadPortion(node string) bool { return r.seen.has(node) }

// NeedLeaderElection is true: only the leader writes, and only who writes needs readings.
func (*Runner) NeedLeaderElection() bool { return true }

// Start makes passes until the context is done. The first pass comes at once, since the orders of a new leader wait for it.
// The beats of the later passes are whole intervals after the first pass: a pass that takes longer than the interval skips
// beats, but does not move them; so does one that is put off.
func (r *Runner) Start(ctx context.Context) error {
	if r.Ready != nil && r.Ready(ctx) != nil {
		return nil // only the end of the context ends the waiting
	}
	next := time.Now()
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	var putOff time.Time // until then passes wait for the first orders; zero before the first pass
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if r.Judged != nil && time.Now().Before(putOff) && !r.Judged() {
			timer.Reset(lookAgain)
			continue
		}
		r.pass(ctx)
		if r.Judged != nil && putOff.IsZero() {
			putOff = time.Now().Add(r.mostPutOff())
		}
		next = beatAfter(next, r.Interval, time.Now())
		timer.Reset(time.Until(next))
	}
}

// mostPutOff is for how long after the first pass the second one is put off at most: no reading gets stale. A reading of the first pass
// is replaced at the end of the second one at the latest, and each of the two takes an interval; a quarter of what is left is to spare.
func (r *Runner) mostPutOff() time.Duration { return (r.MaxAge() - 2*r.Interval) * 3 / 4 }

// beatAfter returns the first of the beats, an interval apart from each other, that is after now.
func beatAfter(beat time.Time, interval time.Duration, now time.Time) time.Time {
	return beat.Add(max(now.Sub(beat), 0).Truncate(interval) + interval)
}

func (r *Runner) pass(ctx context.Context) {
	var pass interface {
		usage.Sink
		Commit() usage.Result
	} = r.Store.Begin()
	if r.Status().Nodes == 0 { // nothing was read so far, or by the pass before
		pass = newPortions(r)
	}
	failures := r.Source.Read(ctx, pass)
	if ctx.Err() != nil {
		return // the operator stops: an interrupted pass says nothing about the source
	}
	status := Status{Failures: failures, Result: pass.Commit(), At: r.Store.Now()}
	r.mu.Lock()
	r.status = status
	r.mu.Unlock()
	r.logFailures(failures)
	r.logDropped(status.Dropped)
	r.Metrics.observe(&status)
	if r.OnPass != nil {
		r.OnPass()
	}
	r.seen.forget()
}

func (r *Runner) logFailures(failures []usage.Failure) {
	failing := sets.New[failureKey]()
	for _, f := range failures {
		key := failureKey{f.Cause, f.Of}
		failing.Insert(key)
		if !r.failing.Has(key) {
			r.Log.Error(f.Err, "usage cannot be read; not logged again until the source recovers", "of", f.Of, "cause", f.Cause)
		}
	}
	for key := range r.failing.Difference(failing) {
		r.Log.Info("usage source recovered", "of", key.of, "cause", key.cause)
	}
	r.failing = failing
}

func (r *Runner) logDropped(dropped map[usage.DropCause]int) {
	dropping := sets.New[usage.DropCause]()
	for cause, count := range dropped {
		if cause == usage.DropUnmatched {
			continue // pods come and go; if there are many, a failure says so
		}
		dropping.Insert(cause)
		if !r.dropping.Has(cause) {
			r.Log.Info("unusable readings are left out; not logged again until a pass has none", "cause", cause, "count", count)
		}
	}
	for cause := range r.dropping.Difference(dropping) {
		r.Log.Info("no unusable readings of this cause any more", "cause", cause)
	}
	r.dropping = dropping
}
