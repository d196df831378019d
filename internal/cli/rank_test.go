package cli

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/clusterread/clustertest"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
)

// nodesShown by a command line, in their order.
func nodesShown(t *testing.T, out string) (names []string) {
	t.Helper()
	items := itemsOf(t, out)
	for i := range items {
		names = append(names, items[i].Name)
	}
	return names
}

func TestRankSelects(t *testing.T) {
	const traits = "testdata/traits.yaml"
	const crowded = "crowded-node-with-a-rather-long-name.eu-central-1.compute.internal"
	for name, tc := range map[string]struct {
		args    []string
		want    []string
		wantErr string
	}{
		"by name":                {args: []string{"-f", storyFile}, want: []string{"worker-1", "worker-2", "worker-3"}},
		"least headroom first":   {args: []string{"-f", traits, "--sort", "headroom"}, want: []string{"windows-1", crowded, "empty", "no-capacity", "unread"}},
		"an amount":              {args: []string{"-f", traits, "--headroom-below", "1Gi"}, want: []string{"windows-1"}},
		"a percentage":           {args: []string{"-f", traits, "--headroom-below", "99%"}, want: []string{"windows-1"}},
		"critical pods in front": {args: []string{"-f", traits, "--critical"}, want: []string{crowded}},
		"none": {
			args:    []string{"-f", storyFile, "--headroom-below", "1Mi"},
			wantErr: "note: none of 3 nodes is as --headroom-below and --critical want\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", append([]string{"rank", "-o", "json"}, tc.args...)...)
			if diff := cmp.Diff(tc.want, nodesShown(t, got.out)); diff != "" {
				t.Errorf("nodes (-want +got):\n%s", diff)
			}
			if tc.wantErr != "" && got.err != tc.wantErr {
				t.Errorf("stderr %q, want %q", got.err, tc.wantErr)
			}
		})
	}
}

func TestRankRefuses(t *testing.T) {
	for value, args := range map[string][]string{
		`invalid value "size" for --sort, must be one of name, headroom`:                          {"--sort", "size"},
		`invalid value "101%" for --headroom-below, must be an amount such as 2Gi, or 0% to 100%`: {"--headroom-below", "101%"},
		`--watch is of a cluster: a snapshot does not change`:                                     {"--watch"},
		`invalid value 1ms for --interval, must be 1s or more`:                                    {"--interval", "1ms"},
		`invalid value "blue" for --color, must be one of auto, always, never`:                    {"--color", "blue"},
		`invalid amount "-1Gi" for --headroom-below, must be 0 or more`:                           {"--headroom-below", "-1Gi"},
		`invalid value "xml" for --output, must be one of table, wide, json, yaml`:                {"-o", "xml"},
	} {
		got := run(t, "", append([]string{"rank", "-f", storyFile}, args...)...)
		if want := "error: " + value + "\nSee 'kubectl killorder rank --help' for usage.\n"; got.status != exitUsage || got.err != want {
			t.Errorf("%v: exit status %d, %q, want %q", args, got.status, got.err, want)
		}
	}
}

// operated is a cluster of one node whose operator has seen web grow by 3Gi.
func operated(lastPass time.Time) *clustertest.Server {
	web := clustertest.PodOn("worker-1", "web", "1Gi")
	web.UID = "web-uid"
	return &clustertest.Server{
		Nodes: []string{"worker-1"}, Pods: []*corev1.Pod{web, clustertest.PodOn("worker-1", "api", "")}, Metrics: true,
		Policy: &v1alpha1.KillOrderPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName},
			Status:     v1alpha1.KillOrderPolicyStatus{LastPassAt: new(metav1.NewTime(lastPass))},
		},
		Orders: map[string]*v1alpha1.NodeKillOrder{"worker-1": {
			ObjectMeta: metav1.ObjectMeta{Name: "worker-1"},
			Status: v1alpha1.NodeKillOrderStatus{
				Usage: &v1alpha1.UsageStatus{Source: v1alpha1.UsageSourceMetricsAPI},
				CulpritRef: &v1alpha1.CulpritReference{
					Namespace: "shop", Pod: "web", UID: "web-uid", Reason: v1alpha1.CulpritGrowth, Amount: resource.MustParse("3Gi"),
				},
			},
		}},
	}
}

func TestRankTakesTheOperatorsCulprit(t *testing.T) {
	for name, tc := range map[string]struct {
		lastPass     time.Time
		over, nobody bool
		want         string
		wantNote     string
	}{
		"it lives": {lastPass: time.Now(), want: "culprit  shop/web, grew by 3Gi, as the operator has seen\n"},
		"it accuses by the request": {
			lastPass: time.Now(), over: true, want: "culprit  shop/web, 3Gi over its request, as the operator has seen\n",
		},
		"it accuses nobody": {
			lastPass: time.Now(), nobody: true, want: "culprit  none: no pod grows, and none is far over its request\n",
		},
		"it is gone": {
			lastPass: time.Now().Add(-time.Hour),
			// Seconds may pass before the note is made.
			wantNote: `note: the killorder operator is installed, but has not looked at the nodes for 1h0m\d+s: its culprits and forecasts are not taken\n`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", t.TempDir()+"/none")
			api := operated(tc.lastPass)
			if ref := api.Orders["worker-1"].Status.CulpritRef; tc.over {
				ref.Reason = v1alpha1.CulpritOverRequest
			}
			if tc.nobody {
				api.Orders["worker-1"].Status.CulpritRef = nil
			}
			server := httptest.NewServer(api)
			defer server.Close()
			got := run(t, "", "rank", "--server", server.URL)
			if said := strings.Contains(got.out, "as the operator has seen"); said != (tc.want != "" && !tc.nobody) || !strings.Contains(got.out, tc.want) {
				t.Errorf("output has no %q:\n%s", tc.want, got.out)
			}
			if !regexp.MustCompile(tc.wantNote).MatchString(got.err) {
				t.Errorf("stderr %q has no %q", got.err, tc.wantNote)
			}
		})
	}
}

// TestTheOperatorsForecast: rank, explain and report say whom the operator expects to die first, if the forecast makes sense.
func TestTheOperatorsForecast(t *testing.T) {
	forecast := func(change func(*v1alpha1.ForecastKill)) *v1alpha1.ForecastKill {
		f := &v1alpha1.ForecastKill{Killer: v1alpha1.KillerOOM, Namespace: "shop", Pod: "web", UID: "web-uid", In: v1alpha1.Within15Minutes}
		change(f)
		return f
	}
	for name, tc := range map[string]struct {
		forecast *v1alpha1.ForecastKill
		want     bool
	}{
		"none":                     {},
		"another pod than next":    {forecast(func(*v1alpha1.ForecastKill) {}), true},
		"a pod that is gone":       {forecast(func(f *v1alpha1.ForecastKill) { f.UID = "gone" }), false},
		"a killer of its own":      {forecast(func(f *v1alpha1.ForecastKill) { f.Killer = "Me" }), false},
		"a time that is no bound":  {forecast(func(f *v1alpha1.ForecastKill) { f.In = "\x1b[2J" }), false},
		"a name that is not right": {forecast(func(f *v1alpha1.ForecastKill) { f.Pod = "\x1b[2J" }), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", t.TempDir()+"/none")
			api := operated(time.Now())
			api.Orders["worker-1"].Status.Summary = &v1alpha1.SummaryStatus{Forecast: tc.forecast}
			server := httptest.NewServer(api)
			defer server.Close()
			page := t.TempDir() + "/page.html"
			run(t, "", "report", "--server", server.URL, "-o", page)
			html, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for want, out := range map[string]string{
				"forecast shop/web first if memory goes on growing: killed by the kernel, in <15m\n": run(t, "", "rank", "--server", server.URL).out,
				"FORECAST if memory goes on growing, shop/web is first: killed by the kernel, in <15m\n": run(t, "",
					"explain", "api", "-n", "shop", "--server", server.URL).out,
				"FORECAST if memory goes on growing, this pod is first: killed by the kernel, in <15m\n": run(t, "",
					"explain", "web", "-n", "shop", "--server", server.URL).out,
				"first if memory goes on growing: shop/web (OOM, in &lt;15m)": string(html),
			} {
				if strings.Contains(out, want) != tc.want || strings.Contains(out, "\x1b") {
					t.Errorf("%t: %q in\n%s", tc.want, want, out)
				}
			}
		})
	}
}

// TestWatchKnowsGrowth: the second frame knows who has grown since the first.
func TestWatchKnowsGrowth(t *testing.T) {
	h := history{}
	node := func(bytes int64) *facts.Node {
		return &facts.Node{Pods: []facts.PodState{{Pod: &facts.Pod{UID: "a"}, WorkingSet: bytes}, {Pod: &facts.Pod{UID: "b"}, WorkingSet: facts.Unknown}}}
	}
	start := time.Unix(1000, 0)
	if h.grow(node(100), start) {
		t.Error("growth is known from one reading")
	}
	n := node(300)
	if known := h.grow(n, start.Add(time.Minute)); !known || n.Pods[0].Growth != 200 || n.Pods[1].Growth != 0 {
		t.Errorf("growth %d and %d, known %t", n.Pods[0].Growth, n.Pods[1].Growth, known)
	}
	n = node(350)
	if h.grow(n, start.Add(facts.UnavailableAfter+30*time.Second)); n.Pods[0].Growth != 50 {
		t.Errorf("growth %d: what is older than ten minutes must not count", n.Pods[0].Growth)
	}
}

// TestFrame: a frame is all that a frame is, notes and time included; an error does not end the watch once it runs.
func TestFrame(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	server := httptest.NewServer(operated(time.Now()))
	var out bytes.Buffer
	e := &env{Streams: Streams{Out: &out, Err: &out}, kube: newKubeconfig(), colour: "auto"}
	e.kube.overrides.ClusterInfo.Server = server.URL
	r := &rank{input: input{env: e}, output: output{env: e, format: formatTable, top: 1}, selection: selection{sort: sortName, bytes: unset, percent: -1}}
	seen := history{}
	if err := r.frame(t.Context(), seen); err != nil || !strings.HasPrefix(out.String(), "NODE worker-1") || !strings.Contains(out.String(), "note: kubelets") {
		t.Errorf("%v: %s", err, out.String())
	}
	server.Close()
	out.Reset()
	if err := r.frame(t.Context(), seen); err == nil || !strings.HasPrefix(out.String(), "error: ") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// TestRankOfTwoReadings: the reading of metrics.k8s.io and that of the kubelet some seconds later show who grows, though nobody
// has waited.
func TestRankOfTwoReadings(t *testing.T) {
	const objects = `{"apiVersion": "v1", "kind": "List", "items": [
	  {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-1"}, "status": {"capacity": {"memory": "16Gi"}}},
	  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"nodeName": "worker-1",
	    "containers": [{"name": "app", "resources": {"requests": {"memory": "4Gi"}}}]},
	    "status": {"phase": "Running", "containerStatuses": [{"name": "app", "state": {"running": {"startedAt": "2026-11-28T05:00:00Z"}}}]}},
	  {"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": {"name": "web", "namespace": "shop"},
	    "timestamp": "2026-11-28T06:00:00Z", "window": "15s", "containers": [{"name": "app", "usage": {"memory": "1Gi"}}]}]}`
	for name, tc := range map[string]struct {
		at, bytes string
		want      string
	}{
		"grown": {
			at: "2026-11-28T06:00:40Z", bytes: "3221225472",
			want: "culprit  shop/web, grew by 2Gi, within 40s, from the reading of metrics.k8s.io to that of the kubelet\n",
		},
		"hardly grown":      {at: "2026-11-28T06:00:40Z", bytes: "1083741824", want: "culprit  no growth known from one reading; the largest users:\n"},
		"of one moment":     {at: "2026-11-28T06:00:05Z", bytes: "3221225472", want: "culprit  no growth known from one reading; the largest users:\n"},
		"an hour ago":       {at: "2026-11-28T07:00:00Z", bytes: "3221225472", want: "culprit  no growth known from one reading; the largest users:\n"},
		"the kubelet first": {at: "2026-11-28T05:59:00Z", bytes: "3221225472", want: "culprit  no growth known from one reading; the largest users:\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			summary := fmt.Sprintf(`{"node": {"nodeName": "worker-1", "memory": {"time": %[1]q, "workingSetBytes": 8589934592}}, "pods": [{"podRef":
			  {"name": "web", "namespace": "shop"}, "memory": {"time": %[1]q, "workingSetBytes": %[2]s}, "containers": [{"name": "app",
			  "memory": {"time": %[1]q, "workingSetBytes": %[2]s, "rssBytes": %[2]s}}]}]}`, tc.at, tc.bytes)
			for path, content := range map[string]string{"objects.json": objects, "kubelet/worker-1/stats-summary.json": summary} {
				path = filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := run(t, "", "rank", "-f", dir); !strings.Contains(got.out, tc.want) {
				t.Errorf("no %q in:\n%s%s", tc.want, got.out, got.err)
			}
		})
	}
}

// TestRankKeepsNoNode: what a node was judged by is given up before the next node is judged, with usage and without.
func TestRankKeepsNoNode(t *testing.T) {
	for name, usage := range map[string]bool{"with usage": true, "without usage": false} {
		t.Run(name, func(t *testing.T) {
			now, readings := time.Now(), snapshot.NewReadings()
			s := &snapshot.Snapshot{
				Now: now, Policy: extract.DefaultPolicy(), Metrics: readings,
				Nodes: []facts.Node{{Name: "a", Linux: true, Capacity: 1 << 30}, {Name: "b", Linux: true, Capacity: 1 << 30}},
			}
			for i := range s.Nodes {
				n := &s.Nodes[i]
				s.AddPod(&facts.Pod{Namespace: "shop", Name: "web-" + n.Name, Node: n.Name})
				if usage {
					readings.Nodes[n.Name] = facts.NodeReading{ObservedAt: now, WorkingSet: 1 << 29, Source: facts.SourceMetricsAPI}
				}
			}
			shown := &rank{output: output{env: &env{}}}
			r := &ranking{rank: shown, of: s, printer: shown.printer()}
			_, err := judgeEach(s, nil, defaultTop, nil, func(j *judged) {
				if r.take(j); len(s.PodsOf(j.node.Name)) > 0 || j.node.Pods != nil {
					t.Errorf("%s: its pods are still held", j.node.Name)
				}
			})
			if err != nil || r.all != 2 {
				t.Errorf("%d nodes, %v", r.all, err)
			}
		})
	}
}
