package kubelet

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// How long it takes until the last of 200 requests may begin.
func TestPace(t *testing.T) {
	const requests = 200
	for name, tc := range map[string]struct {
		asked  bool
		atOnce int
		takes  time.Duration // a request
		want   time.Duration
	}{
		"asked before":                          {asked: true, atOnce: 1000, want: 196 * mostBetween},
		"asked before, and they hang":           {asked: true, atOnce: 1000, takes: time.Minute, want: 196 * mostBetween},
		"never asked":                           {atOnce: 1000, want: 0},
		"never asked, a tenth of a second each": {atOnce: 1000, takes: 100 * time.Millisecond, want: 1500 * time.Millisecond},
		"never asked, and they hang":            {atOnce: 1000, takes: time.Minute, want: 188 * mostBetween},
		"never asked, few at once":              {atOnce: 4, takes: 100 * time.Millisecond, want: 4900 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, n, began := newPace(30*time.Second, requests, tc.atOnce), &asked{}, time.Now()
				if tc.asked {
					n.askedAt = start
				}
				for range requests {
					done, ok := p.next(t.Context(), n)
					if !ok {
						t.Fatal("no turn")
					}
					time.AfterFunc(tc.takes, done)
				}
				if got := time.Since(began).Round(time.Millisecond); got != tc.want {
					t.Errorf("after %s, want %s", got, tc.want)
				}
				time.Sleep(2 * time.Minute) // all requests have ended
				if len(p.all) != 0 || len(p.first) != 0 {
					t.Errorf("%d and %d places are still taken", len(p.all), len(p.first))
				}
			})
		})
	}
}

func TestPaceEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		p := newPace(30*time.Second, 1, 1)
		if _, ok := p.next(ctx, &asked{}); !ok {
			t.Fatal("no turn for the first")
		}
		for _, n := range []*asked{{}, {askedAt: start}} {
			if _, ok := p.next(ctx, n); ok {
				t.Error("a turn, though all places are taken")
			}
		}
	})
}
