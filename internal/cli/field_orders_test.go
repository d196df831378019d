package cli

import (
	"cmp"
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/api/v1alpha1"
)

// fieldOrders are the whole orders of the folders that are about reading what people have: by node, the eviction order, the
// kernel's order and the order by limits, first to last. They were worked out by hand from the folder's objects, as its README
// asks: requests, usage where a reading is right, oom_score_adj as 1000 less thousandths of the capacity that are requested.
var fieldOrders = map[string]map[string][]string{
	"F02a-empty-answer": {
		"n1": {"evict a/p1 ExceedsRequest 1200Mi of 1Gi", "oom a/p1 c 938 1Gi", "limit a/p1 c 1200Mi of 2Gi"},
		"n2": {"evict a/p2 UsageUnknown ? of 1Gi", "oom a/p2 c 938 ?"},
	},
	"F02b-status-answer": {
		"n1": {"evict a/p1 ExceedsRequest 1200Mi of 1Gi", "oom a/p1 c 938 1Gi", "limit a/p1 c 1200Mi of 2Gi"},
		"n2": {"evict a/p2 UsageUnknown ? of 1Gi", "oom a/p2 c 938 ?"},
	},
	"F02c-nodemetrics-by-address":    {"node-c": unmatchedOrders},
	"F02d-nodemetrics-unmatched":     {"node-c": unmatchedOrders},
	"F03-must-gather-two-moments":    {"ip-10-0-1-7.example.internal": mustGatherOrders},
	"F03b-must-gather-foreign-files": {"ip-10-0-1-7.example.internal": mustGatherOrders},
	"F04-kinds-stripped":             {"node-d": {"evict default/web-0 UsageUnknown ? of 64Mi", "oom default/web-0 web 997 ?"}},
	"F04b-troubleshoot-bundle":       {"node-d": {"evict default/web-0 UsageUnknown ? of 64Mi", "oom default/web-0 web 997 ?"}},
	"F04c-support-bundle-kit": {
		"node-d": {"evict default/web-0 ExceedsRequest 70Mi of 64Mi", "oom default/web-0 web 997 70Mi", "limit default/web-0 web 70Mi of 256Mi"},
	},
	"F05-cluster-info-dump-stdout": {"node-d": {"evict default/web-0 UsageUnknown ? of 64Mi", "oom default/web-0 web 997 ?"}},
}

// unmatchedOrders: the pods' readings are right, the node's names nobody; one pod has no reading.
var unmatchedOrders = []string{
	"evict apps/web-0 ExceedsRequest 30Mi of 20Mi", "evict monitoring/vmalertmanager-0 UsageUnknown ? of 30Mi",
	"oom apps/web-0 web 999 30Mi", "oom monitoring/vmalertmanager-0 alertmanager 999 ?",
	"oom monitoring/vmalertmanager-0 config-reloader 999 ?", "oom monitoring/vmalertmanager-0 configmap-reloader 999 ?",
	"limit apps/web-0 web 30Mi of 100Mi",
}

// mustGatherOrders: no readings in a must-gather. prometheus-k8s-0 is of priority 2000000000: exempt from eviction, and not from
// the kernel; each pod counts once, although it is there twice.
var mustGatherOrders = []string{
	"evict shop/cart-5d4-x UsageUnknown ? of 256Mi",
	"oom openshift-monitoring/prometheus-k8s-0 thanos-sidecar 999 ?", "oom shop/cart-5d4-x cart 992 ?",
	"oom openshift-monitoring/prometheus-k8s-0 prometheus 968 ?",
}

func TestFieldOrders(t *testing.T) {
	for name, want := range fieldOrders {
		t.Run(name, func(t *testing.T) {
			read := run(t, "", "rank", "-f", inputOf(t, name), "--top", "0", "-o", "json")
			got := map[string][]string{}
			for _, o := range itemsOf(t, read.out) {
				got[o.Name] = ordersOf(&o.Status)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
		})
	}
}

// ordersOf are all three orders, a line each. Ranks are checked against the lines' places.
func ordersOf(s *v1alpha1.NodeKillOrderStatus) (lines []string) {
	add := func(rank int32, place int, format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		if int(rank) != place+1 {
			line += fmt.Sprintf(" with rank %d", rank)
		}
		lines = append(lines, line)
	}
	for i := range s.EvictionOrder {
		v, usage := &s.EvictionOrder[i], ""
		if v.Usage != nil {
			usage = v.Usage.String()
		}
		add(v.Rank, i, "evict %s/%s %s %s of %s", v.Namespace, v.Pod, v.Reason, cmp.Or(usage, "?"), v.Request.String())
	}
	for i := range s.OOMOrder {
		v, usage := &s.OOMOrder[i], ""
		if v.Usage != nil {
			usage = v.Usage.String()
		}
		add(v.Rank, i, "oom %s/%s %s %d %s", v.Namespace, v.Pod, v.Container, v.OOMScoreAdj, cmp.Or(usage, "?"))
	}
	for i := range s.LimitOrder {
		v := &s.LimitOrder[i]
		add(v.Rank, i, "limit %s/%s %s %s of %s", v.Namespace, v.Pod, v.Container, v.Usage.String(), v.Limit.String())
	}
	return lines
}
