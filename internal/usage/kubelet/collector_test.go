package kubelet

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestCollect(t *testing.T) {
	good, refuses, secretive := newFake(t, "good"), newFake(t, "refuses"), newFake(t, "secretive")
	refuses.stats, secretive.configz = status(401), status(403)
	r := newRig(t, 30*time.Second, good, refuses, secretive)
	if got := testutil.CollectAndCount(r.Source); got != 0 {
		t.Errorf("%d series before the first pass", got)
	}
	r.at(t, 0)
	const want = `
# HELP killorder_usage_kubelet_configurations Kubelets whose configuration is known: their eviction thresholds and reservations are exact.
# TYPE killorder_usage_kubelet_configurations gauge
killorder_usage_kubelet_configurations 1
# HELP killorder_usage_kubelets Kubelets by the result of the last request for their usage: Answered, or why not. Absent where kubelets are not asked.
# TYPE killorder_usage_kubelets gauge
killorder_usage_kubelets{result="Answered"} 2
killorder_usage_kubelets{result="Unauthorized"} 1
`
	if err := testutil.CollectAndCompare(r.Source, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(r.Source); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}
