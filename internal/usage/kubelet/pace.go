package kubelet

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// firstAtOnce is how many kubelets that were never asked are asked at the same time, however fast they answer: few enough that the
// requests do not wait for the CPU until their time is over.
const firstAtOnce = 8

// pace says when the next request of a pass may begin. Requests are spread evenly over half of the interval: the readings have
// different ages, but neither this process nor the network has a peak. Kubelets that were never asked need not wait for that while
// fewer than firstAtOnce of them are asked, because their nodes have no order yet.
type pace struct {
	spread *rate.Limiter
	// all has the requests under way, first those that did not wait.
	all, first chan struct{}
}

func newPace(interval time.Duration, requests, atOnce int) *pace {
	between := min(mostBetween, interval/2/time.Duration(max(requests, 1)))
	return &pace{
		spread: rate.NewLimiter(rate.Every(between), 4),
		all:    make(chan struct{}, atOnce), first: make(chan struct{}, firstAtOnce),
	}
}

// next waits until a kubelet may be asked, and returns what to call when the request has ended. ok is false when the context ends
// before.
func (p *pace) next(ctx context.Context, n *asked) (done func(), ok bool) {
	early, ok := p.turn(ctx, n.askedAt.IsZero())
	if !ok {
		return nil, false
	}
	select {
	case <-ctx.Done():
		return nil, false
	case p.all <- struct{}{}:
	}
	return func() {
		if early {
			<-p.first
		}
		<-p.all
	}, true
}

// turn waits until a request is due, or, where it is a first one, until one of the first places is free. early tells that such a
// place was taken. ok is false when the context ends before.
func (p *pace) turn(ctx context.Context, first bool) (early, ok bool) {
	if ctx.Err() != nil {
		return false, false
	}
	var places chan<- struct{} // nil: there never is a free one
	if first {
		places = p.first
	}
	due := p.spread.Reserve()
	timer := time.NewTimer(due.Delay())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, false
	case places <- struct{}{}:
		due.Cancel()
		return true, true
	case <-timer.C:
		return false, true
	}
}
