package kubelet

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/kubelet/summary"
)

var silent = log.New(io.Discard, "", 0)

func TestReadsKubelets(t *testing.T) {
	r := newRig(t, 30*time.Second, newFake(t, "worker-1"), newFake(t, "worker-2"))
	s, failures := r.at(t, 0)
	if failures != nil {
		t.Fatal(failures)
	}
	slices.Sort(s.pods)
	reading := facts.NodeReading{Source: facts.SourceKubelet, ObservedAt: start, WorkingSet: 100, PodsWorkingSet: 70, Available: 50}
	if diff := cmp.Diff(map[string]facts.NodeReading{"worker-1": reading, "worker-2": reading}, s.nodes); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"web-worker-1", "web-worker-2"}, s.pods); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	if c := r.Config("worker-1"); c == nil || c.EvictionHard.Bytes != 750<<20 {
		t.Errorf("configuration %+v", c)
	}
	if r.Config("worker-3") != nil || r.Problem("worker-1") != "" || r.NeedsOther("worker-1") || r.AnyNeedsOther() || !r.NeedsOther("worker-3") {
		t.Error("what is known of worker-1 or worker-3 is wrong")
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// half announces a whole answer and sends half of it.
func half(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100000")
	_, _ = io.WriteString(w, summaryOf("bad", start)[:200])
}

// halfThenHang begins to answer.
func halfThenHang(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, summaryOf("bad", start)[:200])
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// TestFailures: each failure is reported in one clear sentence, an answer that was read only in part is not used, and
// another kubelet is read as usual.
func TestFailures(t *testing.T) {
	tests := map[string]struct {
		stats http.HandlerFunc
		node  func(*Node)
		want  Problem
	}{
		"hangs":                   {stats: hang, want: Problem{usage.FailedTimeout, "The kubelet does not answer in time."}},
		"hangs after half of it":  {stats: halfThenHang, want: Problem{usage.FailedTimeout, "The kubelet does not answer in time."}},
		"does not know the token": {stats: status(401), want: Problem{usage.FailedUnauthorized, "The kubelet answers 401 Unauthorized: it does not accept the operator's token."}},
		"forbids":                 {stats: status(403), want: Problem{usage.FailedForbidden, "The kubelet answers 403 Forbidden: the operator lacks get on nodes/stats."}},
		"does not serve it":       {stats: status(404), want: Problem{usage.FailedOther, "The kubelet answers 404 Not Found to a request for nodes/stats."}},
		"fails":                   {stats: status(500), want: Problem{usage.FailedOther, "The kubelet answers 500 Internal Server Error to a request for nodes/stats."}},
		"answers an odd status":   {stats: status(299), want: Problem{usage.FailedOther, "The kubelet answers 299 to a request for nodes/stats."}},
		"answers garbage":         {stats: says("<html>sign in</html>"), want: Problem{usage.FailedGarbage, "The kubelet's answer of nodes/stats is not what it should be."}},
		"answers nothing":         {stats: says(""), want: Problem{usage.FailedGarbage, "The kubelet's answer of nodes/stats is not what it should be."}},
		"names no node":           {stats: says("{}"), want: Problem{usage.FailedGarbage, "The kubelet's answer of nodes/stats is not what it should be."}},
		"answers half":            {stats: half, want: Problem{usage.FailedGarbage, "The kubelet's answer of nodes/stats ends too early."}},
		"ends JSON half way":      {stats: says(summaryOf("bad", start)[:200]), want: Problem{usage.FailedGarbage, "The kubelet's answer of nodes/stats ends too early."}},
		"has no memory figures": {
			stats: says(`{"node":{"nodeName":"bad"},"pods":[]}`),
			want:  Problem{usage.FailedGarbage, "The kubelet's answer of nodes/stats has no figures of the node's memory."},
		},
		"has stopped measuring": {
			stats: says(summaryOf("bad", start.Add(-summary.MaxAge-time.Second))),
			want:  Problem{usage.FailedClock, "The kubelet's figures are not of now: it has stopped measuring, or its clock is wrong."},
		},
		"is ahead of its time": {
			stats: says(summaryOf("bad", start.Add(summary.MaxAhead+time.Second))),
			want:  Problem{usage.FailedClock, "The kubelet's figures are not of now: it has stopped measuring, or its clock is wrong."},
		},
		"is another node's":      {stats: says(summaryOf("worker-9", start)), want: Problem{usage.FailedWrongNode, "At the kubelet's address answers worker-9."}},
		"names a node at length": {stats: says(summaryOf(strings.Repeat("x", 300), start)), want: Problem{usage.FailedWrongNode, "At the kubelet's address answers " + strings.Repeat("x", 253) + "."}},
		"names no valid node":    {stats: says(summaryOf("x </b>", start)), want: Problem{usage.FailedWrongNode, "At the kubelet's address answers a node without a valid name."}},
		"hangs up":               {stats: hangUp, want: Problem{usage.FailedUnreachable, "The kubelet closes the connection without an answer."}},
		"has another certificate": {
			node: func(n *Node) { n.Host = "localhost" },
			want: Problem{usage.FailedCertificate, "The kubelet's certificate is not valid for its address."},
		},
		"is not there":   {node: func(n *Node) { n.Port = 1 }, want: Problem{usage.FailedUnreachable, "The kubelet refuses connections."}},
		"has no address": {node: func(n *Node) { n.Host = "" }, want: Problem{usage.FailedNoAddress, "The Node names no address of its kubelet."}},
		"has no port":    {node: func(n *Node) { n.Port = 0 }, want: Problem{usage.FailedNoAddress, "The Node names no address of its kubelet."}},
		"has no known name": { // the name is invalid, so that no DNS server is asked
			node: func(n *Node) { n.Host = "kubelet..invalid" },
			want: Problem{usage.FailedUnreachable, "The name of the kubelet's address cannot be resolved."},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, on *pipes) {
				bad, good := newFakeOn(t, on, "bad"), newFakeOn(t, on, "good")
				if tc.stats != nil {
					bad.stats = tc.stats
				}
				if tc.node != nil {
					tc.node(&bad.node)
				}
				r := newRig(t, 6*time.Second, bad, good)
				s, failures := r.at(t, 0)
				if diff := cmp.Diff([]string{"web-good"}, s.pods); diff != "" {
					t.Errorf("pods read (-want +got):\n%s", diff)
				}
				if got := r.Problem("bad"); got != tc.want.Text {
					t.Errorf("problem %q; want %q", got, tc.want.Text)
				}
				if text := failures[0].Error(); strings.Contains(text, "%!") {
					t.Errorf("the failure reads %s", text)
				}
				if len(failures) != 1 || failures[0].Cause != tc.want.Cause || failures[0].Of != "kubelets" {
					t.Errorf("failures %v; want one, %s", failures, tc.want.Cause)
				}
				if !r.NeedsOther("bad") || r.NeedsOther("good") || r.Problem("good") != "" {
					t.Error("what is read and what is not is wrong")
				}
				bad.CloseClientConnections() // ends what hangs
				waitFor(t, "all connections are closed", func() bool { return bad.open.Load() == 0 && good.open.Load() == 0 })
			})
		})
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 6000 { // a minute: the machine may be busy
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("not in time: %s", what)
}

func TestTrust(t *testing.T) {
	const untrusted = "The kubelet's certificate is signed by an authority that the operator does not trust (--kubelet-certificate-authority)."
	tests := map[string]struct {
		config rest.Config
		trust  Trust
		want   string
	}{
		"an authority that is not known":          {want: untrusted},
		"not verified, if that was asked for":     {trust: Trust{Insecure: true}},
		"verified where the API server is not":    {config: rest.Config{TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, want: untrusted},
		"the API server's name is not a node's":   {config: rest.Config{TLSClientConfig: rest.TLSClientConfig{ServerName: "example.com"}}, want: untrusted},
		"an authority of its own takes its place": {trust: Trust{CAFile: "testdata/other-ca.pem"}, want: untrusted},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "worker-1")
			tc.config.Host, tc.config.BearerToken = "https://api.invalid", token
			r := rigOf(t, &tc.config, tc.trust, 30*time.Second, f)
			r.at(t, 0)
			if r.Problem("worker-1") != tc.want {
				t.Errorf("problem %q; want %q", r.Problem("worker-1"), tc.want)
			}
			if got := f.asked.Load(); (got == 0) != (tc.want != "") {
				t.Errorf("asked %d times: the token goes to nobody who is not trusted", got)
			}
		})
	}
	if _, err := New(&rest.Config{}, Options{Trust: Trust{CAFile: "testdata/absent.pem"}}); err == nil {
		t.Error("a file of authorities that is absent is no error")
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	thief, f := newFake(t, "thief"), newFake(t, "worker-1")
	f.stats = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+"/stats/summary?only_cpu_and_memory=true", http.StatusTemporaryRedirect)
	}
	r := newRig(t, 30*time.Second, f)
	r.at(t, 0)
	if got := r.Problem("worker-1"); got != "The kubelet answers 307 Temporary Redirect to a request for nodes/stats." || thief.asked.Load() != 0 {
		t.Errorf("problem %q, and the other was asked %d times", got, thief.asked.Load())
	}
}

// TestBackoff: a kubelet that fails is asked less and less often, down to once in five minutes. Once the kubelet answers, it
// is asked in each pass again. A single failure does not change the source of the node's readings.
func TestBackoff(t *testing.T) {
	const interval = 30 * time.Second
	f, good := newFake(t, "worker-1"), newFake(t, "worker-2")
	healthy := f.stats
	r := newRig(t, interval, f, good)
	r.at(t, 0)
	f.stats = status(503)
	var asked []int
	for i := 1; i <= 40; i++ {
		before := f.asked.Load()
		r.at(t, time.Duration(i)*interval)
		if f.asked.Load() > before {
			asked = append(asked, i-1)
		}
		if once := i == 1; r.NeedsOther("worker-1") == once || (r.Problem("worker-1") == "") != once || r.AnyNeedsOther() == once {
			t.Fatalf("after %d failures: unread %t, problem %q", i, r.NeedsOther("worker-1"), r.Problem("worker-1"))
		}
	}
	if diff := cmp.Diff([]int{0, 1, 2, 4, 8, 16, 26, 36}, asked); diff != "" {
		t.Errorf("asked in passes (-want +got):\n%s", diff)
	}
	if got := good.asked.Load(); got != 41 {
		t.Errorf("the other was asked %d times of 41", got)
	}
	f.stats = healthy
	r.nodes[0].Port, r.nodes[0].Host = f.node.Port, "127.0.0.2" // nobody listens there, but a new address is tried at once
	before := f.asked.Load()
	r.at(t, 41*interval)
	if got := r.Problem("worker-1"); got != "The kubelet refuses connections." {
		t.Errorf("problem %q", got)
	}
	r.nodes[0].Host = "127.0.0.1"
	r.at(t, 42*interval)
	if f.asked.Load() != before+1 || r.Problem("worker-1") != "The kubelet answers again, after it did not." || !r.NeedsOther("worker-1") {
		t.Errorf("not asked at its new address, or believed at once: %q", r.Problem("worker-1"))
	}
	r.at(t, 43*interval)
	r.at(t, 44*interval)
	if r.Problem("worker-1") != "" || r.NeedsOther("worker-1") || r.AnyNeedsOther() {
		t.Errorf("not believed after three passes: %q", r.Problem("worker-1"))
	}
}

// TestWhoIsAskedFirst: the kubelet that has waited longest is asked first, and a kubelet whose node is gone is forgotten.
func TestWhoIsAskedFirst(t *testing.T) {
	r := rigOf(t, &rest.Config{}, Trust{}, 30*time.Second)
	r.Source.kubelets = map[string]*kubelet{
		"a": {Node: Node{Name: "a"}, health: health{askedAt: start.Add(2 * time.Second)}},
		"b": {Node: Node{Name: "b"}, health: health{askedAt: start.Add(1 * time.Second)}},
		"c": {Node: Node{Name: "c"}, health: health{askedAt: start, problem: &Problem{}, suspect: true}},
		"d": {Node: Node{Name: "d"}, health: health{askedAt: start, problem: &Problem{}, suspect: true, notBefore: start.Add(time.Second)}},
		"e": {Node: Node{Name: "e"}},
		"f": {Node: Node{Name: "f"}, health: health{problem: &Problem{Cause: usage.FailedToken}}},
	}
	trusted, suspects := r.due([]Node{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "f"}, {Name: "new-2"}, {Name: "new-1"}})
	names := func(list []asked) (names []string) {
		for i := range list {
			names = append(names, list[i].Name)
		}
		return names
	}
	if diff := cmp.Diff([]string{"f", "new-1", "new-2", "b", "a"}, names(trusted)); diff != "" {
		t.Errorf("trusted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"c"}, names(suspects)); diff != "" {
		t.Errorf("suspects (-want +got):\n%s", diff)
	}
	if r.Source.kubelets["e"] != nil {
		t.Error("a node that is gone is still known")
	}
}

// TestHangingKubeletsKeepNobodyOut: as many kubelets hang as may be asked at the same time, and another kubelet is still
// read.
func TestHangingKubeletsKeepNobodyOut(t *testing.T) {
	inBubble(t, func(t *testing.T, on *pipes) {
		hanging, good := newFakeOn(t, on, "hanging"), newFakeOn(t, on, "good")
		hanging.stats = hang
		hanging.node.Name = "a" // before the other
		r := newRig(t, 3*time.Second, hanging, good)
		r.trustedAtOnce, r.suspectsAtOnce = 1, 1
		for i, who := range []string{"a newcomer", "a suspect"} {
			if s, _ := r.at(t, time.Duration(i)*3*time.Second); len(s.pods) != 1 {
				t.Errorf("with %s that hangs: read %v", who, s.pods)
			}
		}
	})
}

func TestInterruptedPassSaysNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, on *pipes) {
		f := newFakeOn(t, on, "worker-1")
		f.stats = hang
		r := newRig(t, 30*time.Second, f)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for f.asked.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		if failures := r.Read(ctx, &sink{}); failures != nil || r.Problem("worker-1") != "" {
			t.Errorf("failures %v, problem %q", failures, r.Problem("worker-1"))
		}
	})
}

func TestNodesThatCannotBeListed(t *testing.T) {
	r := newRig(t, 30*time.Second)
	down := errors.New("down")
	r.Nodes = func(context.Context) ([]Node, error) { return nil, down }
	if failures := r.Read(t.Context(), &sink{}); len(failures) != 1 || !errors.Is(failures[0], down) {
		t.Errorf("failures %v", failures)
	}
}

// TestNothingLeaks: after passes over good and bad kubelets, no goroutine and no connection stays.
func TestNothingLeaks(t *testing.T) {
	inBubble(t, func(t *testing.T, on *pipes) {
		fakes := []*fake{newFakeOn(t, on, "good"), newFakeOn(t, on, "500"), newFakeOn(t, on, "half"), newFakeOn(t, on, "gone"), newFakeOn(t, on, "late")}
		fakes[1].stats, fakes[2].stats, fakes[3].stats, fakes[4].stats = status(500), half, hangUp, hang
		r := newRig(t, 30*time.Second, fakes...)
		r.at(t, 0)
		time.Sleep(time.Minute)
		before := runtime.NumGoroutine()
		for i := range 5 {
			r.at(t, time.Duration(i+1)*time.Hour)
		}
		waitFor(t, "the goroutines of the passes end", func() bool { return runtime.NumGoroutine() <= before+2 })
		for _, f := range fakes {
			waitFor(t, f.node.Name+" has no open connection", func() bool { return f.open.Load() == 0 })
		}
	})
}
