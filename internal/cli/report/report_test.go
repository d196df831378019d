package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/kinds"
)

var now = time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)

func quantity(s string) *resource.Quantity { return new(resource.MustParse(s)) }

// order of a node with full lists.
func order(name string, headroom string) *v1alpha1.NodeKillOrder {
	o := &v1alpha1.NodeKillOrder{ObjectMeta: metav1.ObjectMeta{Name: name}}
	o.Status = v1alpha1.NodeKillOrderStatus{
		Usage:   &v1alpha1.UsageStatus{Source: v1alpha1.UsageSourceKubelet},
		Memory:  &v1alpha1.MemoryStatus{Capacity: *quantity("16Gi"), Headroom: quantity(headroom), OOMHeadroom: quantity("15Gi")},
		Summary: &v1alpha1.SummaryStatus{FirstEvicted: "shop/payments-api", FirstOOMKilled: "data/data-pipeline", Findings: 8},
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonUsageFresh},
			{Type: v1alpha1.ConditionWrongVictim, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonVictimNotCulprit},
		},
	}
	for i := range 10 {
		pod := fmt.Sprintf("a-workload-with-a-name-5d8f7c9b64-%05d", i)
		o.Status.EvictionOrder = append(o.Status.EvictionOrder, v1alpha1.EvictionVictim{
			Rank: int32(i + 1), Namespace: "shop", Pod: pod, UID: types.UID(pod), Usage: quantity("200Mi"), Critical: i == 0,
		})
		o.Status.OOMOrder = append(o.Status.OOMOrder, v1alpha1.OOMVictim{
			Rank: int32(i + 1), Namespace: "shop", Pod: pod, Container: "app", Badness: *quantity("16Gi"),
		})
	}
	for i := range 8 {
		o.Status.Findings = append(o.Status.Findings, v1alpha1.Finding{
			Rule: fmt.Sprintf("Rule%d", i), Severity: v1alpha1.SeverityWarning, Namespace: "shop", Pod: "p",
			Workload: &v1alpha1.WorkloadReference{Kind: "Deployment", Name: fmt.Sprintf("%s-%d", name, i)},
			Message:  strings.Repeat("m", 160), Fix: strings.Repeat("f", 160),
		})
	}
	o.Status.AtRisk = []v1alpha1.AtRiskPod{
		{UID: "1", Namespace: "shop", Pod: "payments-api", Killer: v1alpha1.KillerEviction, Rank: 1, Since: metav1.NewTime(now)},
		{UID: "2", Namespace: "shop", Pod: "was-at-risk", Killer: v1alpha1.KillerOOM, Rank: 2, Since: metav1.NewTime(now), Until: &metav1.Time{Time: now}},
	}
	return o
}

func write(t *testing.T, in *Input) string {
	t.Helper()
	var page bytes.Buffer
	if err := Write(&page, in); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// The page loads nothing, runs nothing, and says so to the browser.
var (
	loads   = regexp.MustCompile(`(?i)(src|srcset|poster|action)\s*=|url\(|@import|<(link|iframe|object|embed|img|base|form)\b|href="[^#]|\son[a-z]+=`)
	scripts = regexp.MustCompile(`<script[^>]*>`)
)

func TestPageStandsAlone(t *testing.T) {
	page := write(t, &Input{Orders: []*v1alpha1.NodeKillOrder{order("worker-1", "60Mi")}, GeneratedAt: now, Source: "examples/story"})
	if found := loads.FindString(page); found != "" {
		t.Errorf("the page loads or runs something: %s", found)
	}
	if got := scripts.FindAllString(page, -1); len(got) != 1 || got[0] != `<script type="application/json" id="data">` {
		t.Errorf("scripts: %q", got)
	}
	for _, want := range []string{
		`default-src &#39;none&#39;`, "worker-1", "&lt;1%", "at the brink", "wrong victim", "shop/payments-api", "2026-11-28 06:00:00 UTC",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(page, "was-at-risk") {
		t.Error("a pod that left the front is shown as at risk")
	}
}

// Whatever tenants write stands on the page as text.
func TestPageEscapes(t *testing.T) {
	const evil = "</script><script>alert(1)</script>\u202e\x1b[31m"
	o := order("worker-1", "60Mi")
	o.Name = evil
	o.Status.Summary.FirstEvicted, o.Status.Findings[0].Message, o.Status.AtRisk[0].Pod = evil, evil, evil
	page := write(t, &Input{
		Orders: []*v1alpha1.NodeKillOrder{o}, Deaths: []kinds.Diagnosis{{Pod: evil, Answer: evil, Killed: true}}, GeneratedAt: now,
		Source: evil, Notes: []string{evil},
	})
	if len(scripts.FindAllString(page, -1)) != 1 || strings.ContainsAny(page, "\u202e\x1b") {
		t.Error("a name got out of its text")
	}
	_, rest, _ := strings.Cut(page, `id="data">`)
	raw, _, _ := strings.Cut(rest, "</script>")
	var data struct {
		Nodes []struct{ Node string }
	}
	if err := json.Unmarshal([]byte(raw), &data); err != nil || len(data.Nodes) != 1 || data.Nodes[0].Node != evil {
		t.Errorf("the data: %v, %+v", err, data)
	}
}

func TestPageOfAThousandNodes(t *testing.T) {
	in := &Input{GeneratedAt: now}
	for i := range 1000 {
		in.Orders = append(in.Orders, order(fmt.Sprintf("ip-10-0-%d-%d.eu-central-1.compute.internal", i/250, i%250), fmt.Sprintf("%dMi", 10*i)))
	}
	for range 500 {
		in.Deaths = append(in.Deaths, kinds.Diagnosis{Killed: true, Answer: strings.Repeat("a", 250)})
	}
	page := write(t, in)
	if size := len(page); size > 2_000_000 {
		t.Errorf("%d bytes, want less than 2 MB", size)
	}
	if first, last := strings.Index(page, ">ip-10-0-0-0."), strings.Index(page, ">ip-10-0-3-249."); first < 0 || first > last {
		t.Error("the node with the least headroom is not the first")
	}
}

func TestPageOfNothing(t *testing.T) {
	page := write(t, &Input{Orders: []*v1alpha1.NodeKillOrder{{}}, GeneratedAt: now})
	for _, want := range []string{"No critical pod", "Nothing was found", "no kill for memory", "unknown"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
}
