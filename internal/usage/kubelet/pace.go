package kubelet

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// firstAtOnce bounds how many kubelets that were never asked are asked at the same time. One of them that has not answered after
	// firstPatience gives its place to the next, so that kubelets that hang do not hold up the others.
	firstAtOnce   = 64
	firstPatience = time.Second
)

// pace says when the next request of a pass may begin. Requests are spread evenly over half of the interval: the readings have
// different ages, but neither this process nor the network has a peak. Kubelets that were never asked do not wait for that, because
// their nodes have no order yet: firstAtOnce of them are asked at the same time.
type pace struct {
	spread *rate.Limiter
	// all has the requests under way, first those of them to kubelets that were never asked.
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
// first.
func (p *pace) next(ctx context.Context, n *asked) (done func(), ok bool) {
	if n.askedAt.IsZero() {
		return p.nextFirst(ctx)
	}
	if p.spread.Wait(ctx) != nil || !take(ctx, p.all) {
		return nil, false
	}
	return func() { <-p.all }, true
}

func (p *pace) nextFirst(ctx context.Context) (done func(), ok bool) {
	if !take(ctx, p.first) || !take(ctx, p.all) {
		return nil, false
	}
	giveBack := sync.OnceFunc(func() { <-p.first })
	late := time.AfterFunc(firstPatience, giveBack)
	return func() {
		late.Stop()
		giveBack()
		<-p.all
	}, true
}

// take waits for a free place; it returns false when the context ends first.
func take(ctx context.Context, places chan<- struct{}) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case places <- struct{}{}:
		return true
	}
}
