package poll_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/killorder/killorder/internal/usage/poll"
)

func TestKubelets(t *testing.T) {
	results, configs := map[string]int{}, 0
	collector := poll.Kubelets{Results: func() (map[string]int, int) { return results, configs }}
	if got := testutil.CollectAndCount(collector); got != 0 {
		t.Errorf("%d series before the first pass", got)
	}
	results, configs = map[string]int{"Answered": 2, "Unauthorized": 1}, 1
	const want = `
# HELP killorder_usage_kubelet_configurations Kubelets whose configuration is known: their eviction thresholds and reservations are exact.
# TYPE killorder_usage_kubelet_configurations gauge
killorder_usage_kubelet_configurations 1
# HELP killorder_usage_kubelets Kubelets by the result of the last request for their usage: Answered, or why not. Absent where kubelets are not asked.
# TYPE killorder_usage_kubelets gauge
killorder_usage_kubelets{result="Answered"} 2
killorder_usage_kubelets{result="Unauthorized"} 1
`
	if err := testutil.CollectAndCompare(collector, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(collector); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}
