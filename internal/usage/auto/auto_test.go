package auto

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

// source says the same of every node and pod it has, and counts how often it is read.
type source struct {
	kind  facts.Source
	nodes []string
	fails bool
	reads int
}

func (s *source) Read(_ context.Context, into usage.Sink) []usage.Failure {
	s.reads++
	for _, n := range s.nodes {
		into.Node(n, facts.NodeReading{Source: s.kind})
		into.Pod(&usage.Pod{Source: s.kind, Namespace: []byte("shop"), Name: []byte("on-" + n)})
		if c, ok := into.(usage.Completer); ok && s.kind == facts.SourceKubelet {
			c.Complete(n)
		}
	}
	into.Drop(usage.DropFuture)
	if s.fails {
		return []usage.Failure{{Cause: usage.FailedOther, Of: "all", Err: errors.New("down")}}
	}
	return nil
}

type kubelets struct {
	source
	unread    map[string]bool
	forgotten bool
}

func (k *kubelets) NeedsOther(node string) bool { return k.unread[node] }
func (k *kubelets) AnyNeedsOther() bool         { return len(k.unread) > 0 }
func (k *kubelets) Forget()                     { k.forgotten = true }

func allNodes(context.Context) (func(string) bool, error) {
	return func(string) bool { return true }, nil
}

type sink struct {
	got      map[string]facts.Source
	complete []string
	drops    int
}

func (s *sink) Complete(node string) { s.complete = append(s.complete, node) }

func (s *sink) Pod(p *usage.Pod)                      { s.got[string(p.Name)] = p.Source }
func (s *sink) Node(name string, r facts.NodeReading) { s.got[name] = r.Source }
func (s *sink) Drop(usage.DropCause)                  { s.drops++ }

func TestRead(t *testing.T) {
	const kubelet, metrics = facts.SourceKubelet, facts.SourceMetricsAPI
	tests := map[string]struct {
		wanted        facts.Source
		read, unread  []string
		kubeletsFail  bool
		want          map[string]facts.Source
		wantMetrics   int
		wantForgotten bool
		wantFailures  int
	}{
		"kubelets, all of them": {
			read: []string{"a", "b"}, want: map[string]facts.Source{"a": kubelet, "on-a": kubelet, "b": kubelet, "on-b": kubelet},
		},
		"kubelets, and the other where one does not answer": {
			read: []string{"a"}, unread: []string{"b"}, kubeletsFail: true, wantMetrics: 1, wantFailures: 2,
			want: map[string]facts.Source{"a": kubelet, "on-a": kubelet, "b": metrics, "on-b": metrics},
		},
		"no kubelet answers": {
			unread: []string{"a", "b"}, kubeletsFail: true, wantMetrics: 1, wantFailures: 2,
			want: map[string]facts.Source{"a": metrics, "on-a": metrics, "b": metrics, "on-b": metrics},
		},
		"one that answers again is not read yet": {
			read: []string{"a", "b"}, unread: []string{"b"}, wantMetrics: 1, wantFailures: 1,
			want: map[string]facts.Source{"a": kubelet, "on-a": kubelet, "b": metrics, "on-b": metrics},
		},
		"one failure is tolerated: the reading before stays": {
			read: []string{"a"}, kubeletsFail: true, wantFailures: 1,
			want: map[string]facts.Source{"a": kubelet, "on-a": kubelet},
		},
		"metrics.k8s.io by policy: kubelets are not asked": {
			wanted: metrics, read: []string{"a", "b"}, wantMetrics: 1, wantForgotten: true, wantFailures: 1,
			want: map[string]facts.Source{"a": metrics, "on-a": metrics, "b": metrics, "on-b": metrics},
		},
		"kubelets by policy: nobody stands in": {
			wanted: kubelet, read: []string{"a"}, unread: []string{"b"}, kubeletsFail: true, wantFailures: 1,
			want: map[string]facts.Source{"a": kubelet, "on-a": kubelet},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			k := &kubelets{source: source{kind: kubelet, nodes: tc.read, fails: tc.kubeletsFail}, unread: map[string]bool{}}
			for _, n := range tc.unread {
				k.unread[n] = true
			}
			m := &source{kind: metrics, nodes: []string{"a", "b"}, fails: true}
			s := &Source{
				Kubelets: k, Metrics: m, Wanted: func() facts.Source { return tc.wanted },
				NodeOf: func(_, name []byte) string { return string(name[len("on-"):]) }, HasNode: allNodes,
			}
			into := &sink{got: map[string]facts.Source{}}
			failures := s.Read(t.Context(), into)
			if diff := cmp.Diff(tc.want, into.got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
			for _, n := range []string{"a", "b"} {
				if complete := slices.Contains(into.complete, n); complete != (tc.want[n] == kubelet) {
					t.Errorf("%s is complete before metrics.k8s.io is read: %t", n, complete)
				}
			}
			if m.reads != tc.wantMetrics || k.forgotten != tc.wantForgotten || len(failures) != tc.wantFailures {
				t.Errorf("metrics.k8s.io read %d times, forgotten %t, failures %v", m.reads, k.forgotten, failures)
			}
			if asked := tc.wanted != metrics; (k.reads == 1) != asked || into.drops != k.reads+m.reads {
				t.Errorf("kubelets read %d times, %d drops counted", k.reads, into.drops)
			}
		})
	}
}

func TestPodsOfNoKnownNodeAreLeftOut(t *testing.T) {
	k := &kubelets{source: source{kind: facts.SourceKubelet}, unread: map[string]bool{"": true, "a": true}}
	s := &Source{
		Kubelets: k, Metrics: &source{kind: facts.SourceMetricsAPI, nodes: []string{"a"}},
		Wanted: func() facts.Source { return facts.SourceNone }, NodeOf: func(_, _ []byte) string { return "" },
		HasNode: allNodes,
	}
	into := &sink{got: map[string]facts.Source{}}
	s.Read(t.Context(), into)
	if diff := cmp.Diff(map[string]facts.Source{"a": facts.SourceMetricsAPI}, into.got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

// late needs the other source when first asked, and answers while metrics.k8s.io is read.
type late struct{ kubelets }

func (l *late) NeedsOther(node string) bool {
	unread := l.unread[node]
	l.unread[node] = false
	return unread
}

// TestOneThatAnswersMeanwhile: when a kubelet begins to answer during a pass, all readings of its node still come from one
// source.
func TestOneThatAnswersMeanwhile(t *testing.T) {
	const metrics = facts.SourceMetricsAPI
	s := &Source{
		Kubelets: &late{kubelets{source: source{kind: facts.SourceKubelet}, unread: map[string]bool{"a": true}}},
		Metrics:  &source{kind: metrics, nodes: []string{"a"}},
		Wanted:   func() facts.Source { return facts.SourceNone },
		NodeOf:   func(_, name []byte) string { return string(name[len("on-"):]) },
		HasNode:  allNodes,
	}
	into := &sink{got: map[string]facts.Source{}}
	s.Read(t.Context(), into)
	if diff := cmp.Diff(map[string]facts.Source{"a": metrics, "on-a": metrics}, into.got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

// TestReadingsThatMatchNothing: these readings are left out. If there are many, a failure names one of them.
func TestReadingsThatMatchNothing(t *testing.T) {
	const metrics = facts.SourceMetricsAPI
	for name, tc := range map[string]struct {
		wanted       facts.Source
		read         []string
		want         map[string]facts.Source
		wantFailures []string
	}{
		"all match": {wanted: metrics, read: []string{"a", "b"}, want: map[string]facts.Source{"a": metrics, "on-a": metrics, "b": metrics, "on-b": metrics}},
		"a node by its address, with the policy's source": {
			wanted: metrics, read: []string{"a", "10.0.3.17:9100"}, want: map[string]facts.Source{"a": metrics, "on-a": metrics},
			wantFailures: []string{
				`reading usage of pods: 1 of 2 readings of pods in metrics.k8s.io match none in the cluster, among them "shop/on-10.0.3.17:9100"`,
				`reading usage of nodes: 1 of 2 readings of nodes in metrics.k8s.io match none in the cluster, among them "10.0.3.17:9100"`,
			},
		},
		"a node by its address, beside kubelets": {
			read: []string{"10.0.3.17:9100"}, want: map[string]facts.Source{},
			wantFailures: []string{
				`reading usage of pods: 1 of 1 readings of pods in metrics.k8s.io match none in the cluster, among them "shop/on-10.0.3.17:9100"`,
				`reading usage of nodes: 1 of 1 readings of nodes in metrics.k8s.io match none in the cluster, among them "10.0.3.17:9100"`,
			},
		},
		"one of twenty": {
			wanted: metrics, read: append([]string{"gone"}, slices.Repeat([]string{"a"}, 19)...),
			want: map[string]facts.Source{"a": metrics, "on-a": metrics},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Source{
				Kubelets: &kubelets{source: source{kind: facts.SourceKubelet}, unread: map[string]bool{"a": true}},
				Metrics:  &source{kind: metrics, nodes: tc.read}, Wanted: func() facts.Source { return tc.wanted },
				NodeOf: func(_, name []byte) string {
					if len(name) == len("on-a") {
						return string(name[len("on-"):])
					}
					return ""
				},
				HasNode: func(context.Context) (func(string) bool, error) {
					return func(name string) bool { return len(name) == 1 }, nil
				},
			}
			into := &sink{got: map[string]facts.Source{}}
			var failed []string
			for _, f := range s.Read(t.Context(), into) {
				failed = append(failed, f.Error())
			}
			if diff := cmp.Diff(tc.want, into.got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantFailures, failed); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
		})
	}
}
