package kubelet

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/usage/kubelet/summary"
)

// TestKubeletsAreBelievedAboutTheirOwnPodsOnly: a kubelet that an attacker controls cannot report pods of other nodes, nor
// pods that do not exist.
func TestKubeletsAreBelievedAboutTheirOwnPodsOnly(t *testing.T) {
	evil := newFake(t, "evil")
	own := summaryOf("evil", start)
	foreign := strings.ReplaceAll(own, "web-evil", "web-good")
	evil.stats = says(strings.Replace(own, `"pods":[`, foreign[strings.Index(foreign, `"pods":[{"podRef"`):len(foreign)-2]+",", 1))
	r := newRig(t, 30*time.Second, evil)
	s, failures := r.at(t, 0)
	if diff := cmp.Diff([]string{"web-evil"}, s.pods); diff != "" || failures != nil {
		t.Errorf("failures %v, pods (-want +got):\n%s", failures, diff)
	}
}

// TestLateAnswersAreOfTheNextPass: when a kubelet answers after the pass has ended, its answer is part of the next pass.
func TestLateAnswersAreOfTheNextPass(t *testing.T) {
	inBubble(t, func(t *testing.T, on *pipes) {
		slow, good := newFakeOn(t, on, "slow"), newFakeOn(t, on, "good")
		answer, arrived := make(chan struct{}), atomic.Int32{}
		healthy := slow.stats
		slow.stats = func(w http.ResponseWriter, r *http.Request) {
			arrived.Add(1)
			<-answer
			healthy(w, r)
		}
		r := newRig(t, 30*time.Second, slow, good)
		if s := r.pass(t, 0); !slices.Equal(s.pods, []string{"web-good"}) || arrived.Load() != 1 {
			t.Errorf("read %v; want good's, with slow's request under way", s.pods)
		}
		close(answer)
		waitFor(t, "slow has answered", r.idle)
		if r.NeedsOther("slow") || r.Problem("slow") != "" {
			t.Errorf("slow counts as failed: %q", r.Problem("slow"))
		}
		good.stats, slow.stats = status(500), status(500)
		if s := r.pass(t, 10*time.Second); !slices.Equal(s.pods, []string{"web-slow"}) {
			t.Errorf("read %v; want slow's late answer, once", s.pods)
		}
		if s := r.pass(t, 10*time.Minute); len(s.pods) != 0 {
			t.Errorf("read %v; want nothing twice", s.pods)
		}
	})
}

// TestLateAnswersOfNodesThatAreGone: such answers are dropped, and so are all late answers when kubelets are no longer
// asked.
func TestLateAnswersOfNodesThatAreGone(t *testing.T) {
	r := newRig(t, 30*time.Second)
	r.Source.kubelets["there"] = &kubelet{}
	r.addLate(lateAnswer{"there", "", new(summary.Decoder)})
	r.addLate(lateAnswer{"gone", "", new(summary.Decoder)})
	r.addLate(lateAnswer{"there", "the node before of this name", new(summary.Decoder)})
	if got := r.takeLate(); len(got) != 1 || got[0].node != "there" {
		t.Errorf("%d late answers", len(got))
	}
	r.addLate(lateAnswer{"there", "", new(summary.Decoder)})
	r.Forget()
	r.Source.kubelets["there"] = &kubelet{}
	if got := r.takeLate(); len(got) != 0 {
		t.Errorf("%d late answers after all was forgotten", len(got))
	}
}

// TestOneFailureOfAKubeletNeverRead: the kubelet is asked again at once, unless a second request would fail in the same way.
func TestOneFailureOfAKubeletNeverRead(t *testing.T) {
	tests := map[string]struct {
		first     http.HandlerFunc
		wantRead  bool
		wantAsked int32
	}{
		"an error":          {status(500), true, 2},
		"half an answer":    {half, true, 2},
		"a closed line":     {hangUp, true, 2},
		"a refusal":         {status(403), false, 1},
		"an unknown caller": {status(401), false, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "worker-1")
			healthy := f.stats
			f.stats = func(w http.ResponseWriter, r *http.Request) {
				if f.asked.Load() == 1 {
					tc.first(w, r)
					return
				}
				healthy(w, r)
			}
			r := newRig(t, 30*time.Second, f)
			s, _ := r.at(t, 0)
			if read := len(s.pods) == 1 && !r.NeedsOther("worker-1"); read != tc.wantRead || f.asked.Load() != tc.wantAsked {
				t.Errorf("read %t, asked %d times; want %t, %d", read, f.asked.Load(), tc.wantRead, tc.wantAsked)
			}
		})
	}
}

// TestReadingsDoNotAlternate: a kubelet that answers only one request of three is not used as a source at all.
func TestReadingsDoNotAlternate(t *testing.T) {
	f := newFake(t, "worker-1")
	healthy := f.stats
	r := newRig(t, 30*time.Second, f)
	r.at(t, 0)
	f.stats = func(w http.ResponseWriter, req *http.Request) {
		if f.asked.Load()%3 == 0 {
			healthy(w, req)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
	}
	changes, before := 0, r.NeedsOther("worker-1")
	for i := range 60 {
		r.at(t, time.Duration(i+1)*30*time.Second)
		if now := r.NeedsOther("worker-1"); now != before {
			changes, before = changes+1, now
		}
	}
	if changes != 1 || !before {
		t.Errorf("%d changes, unread at last: %t; want one, true", changes, before)
	}
}

// TestEachProblemIsLoggedOnce, with its node and the error, and a bounded number at a time.
func TestEachProblemIsLoggedOnce(t *testing.T) {
	var lines []string
	f, g := newFake(t, "worker-1"), newFake(t, "worker-2")
	r := newRig(t, 30*time.Second, f, g)
	r.Log = funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	f.stats, g.configz = status(404), status(403)
	for i := range 5 {
		r.at(t, time.Duration(i)*30*time.Second)
	}
	f.stats = status(502) // the same cause, but another problem
	r.at(t, time.Hour)
	want := []string{
		`"level"=0 "msg"="a kubelet is not read" "node"="worker-1" "cause"="Other" "error"="answers 404 Not Found"`,
		`"level"=0 "msg"="a kubelet's configuration is not read" "node"="worker-2" "cause"="Forbidden" "error"="answers 403 Forbidden"`,
		`"level"=0 "msg"="a kubelet is not read" "node"="worker-1" "cause"="Other" "error"="answers 502 Bad Gateway"`,
	}
	slices.Sort(lines)
	slices.Sort(want)
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
	for range 100 {
		n := asked{Node: g.node}
		r.keep(&n, &Problem{Text: time.Now().String()}, errNoAddress, sessionNone)
	}
	if len(lines) > 40 {
		t.Errorf("%d lines", len(lines))
	}
}
