package e2e

import (
	"fmt"
	"slices"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/e2e/interval"
)

// sources are judged side by side in the same rounds: the operator publishes the order by the first, and the same code makes
// the order by metrics.k8s.io alone at the same moment.
var sources = []v1alpha1.UsageSource{v1alpha1.UsageSourceKubelet, v1alpha1.UsageSourceMetricsAPI}

// outcome of a predicted order.
type outcome int

const (
	// wrong: another order than the real one.
	wrong outcome = iota
	// aged: only a growing pod has another place, because its reading was older than the kubelet's.
	aged
	// whole: the real order.
	whole
)

var outcomes = [...]string{wrong: "wrong", aged: "right but for the growing pod", whole: "right"}

// tally counts first victims and, where they can be seen, whole orders.
type tally struct {
	right, all int
	// excused counts the wrong first victims in rounds whose outcome is aged.
	excused int
	orders  [whole + 1]int
}

func (t *tally) count(right bool) {
	t.all++
	if right {
		t.right++
	}
}

func (t *tally) countOrder(found outcome, firstRight bool) {
	t.count(firstRight)
	t.orders[found]++
	if found == aged && !firstRight {
		t.excused++
	}
}

// say prints the figures, each on a line of its own.
func (t *tally) say(what string) {
	excuse := ""
	if t.excused > 0 {
		excuse = fmt.Sprintf("; in %d a pod had just grown, for the age of its reading", t.excused)
	}
	say("%s: predicted first victim right: %d of %d%s%s", what, t.right, t.all, interval.Text(t.right, t.all), excuse)
}

func (t *tally) sayOrders(what string) {
	say("%s: whole order right: %d of %d%s; but for the place of a growing pod, for the age of its reading: %d more",
		what, t.orders[whole], t.all, interval.Text(t.orders[whole], t.all), t.orders[aged])
}

func without(pods []string, pod string) []string {
	return slices.DeleteFunc(slices.Clone(pods), func(p string) bool { return p == pod })
}

func startsWith(pods, first []string) bool {
	return len(pods) >= len(first) && slices.Equal(pods[:len(first)], first)
}
