package kubelet

import (
	"slices"
	"strings"
	"testing"

	"github.com/killorder/killorder/api/v1alpha1"
)

// A comparison that cannot fail proves nothing.
func TestCompareOrders(t *testing.T) {
	tests := map[string]struct {
		predicted string // pods in order, those marked as tied in capitals
		evicted   string // by the kubelet
		preferred string // by the kubelet, of each pair of neighbours in predicted; - for neither
		want      []Kind
	}{
		"equal":                               {predicted: "abc", evicted: "abc", preferred: "ab"},
		"tied pods in any order":              {predicted: "ABc", evicted: "bac", preferred: "-b"},
		"two groups of tied pods":             {predicted: "ABCD", evicted: "badc", preferred: "-b-"},
		"two groups, mixed":                   {predicted: "ABCD", evicted: "acbd", preferred: "-b-", want: []Kind{EvictionOrder}},
		"swapped":                             {predicted: "abc", evicted: "acb", preferred: "ac", want: []Kind{EvictionOrder, EvictionOrder}},
		"swapped, but for pairs":              {predicted: "abc", evicted: "cab", preferred: "ab", want: []Kind{EvictionOrder}},
		"one too few":                         {predicted: "ab", evicted: "abc", preferred: "a", want: []Kind{EvictionOrder}},
		"one too many":                        {predicted: "abc", evicted: "ab", preferred: "ab", want: []Kind{EvictionOrder}},
		"tied for the kubelet, not marked":    {predicted: "ab", evicted: "ab", preferred: "-", want: []Kind{Ties}},
		"marked as tied, not for the kubelet": {predicted: "AB", evicted: "ab", preferred: "a", want: []Kind{Ties, Ties}},
		"one marked too many":                 {predicted: "ABC", evicted: "abc", preferred: "-b", want: []Kind{Ties}},
		"nobody":                              {},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &Result{Evicted: letters(test.evicted)}
			predicted := letters(strings.ToLower(test.predicted))
			order := make([]v1alpha1.EvictionVictim, len(predicted))
			names := map[string]string{}
			for i, name := range predicted {
				order[i].Tied = letters(test.predicted)[i] != name
				names[name] = name
			}
			preferred := letters(test.preferred)
			for i := range preferred {
				preferred[i] = strings.Trim(preferred[i], "-")
			}
			r.compareOrder(EvictionOrder, predicted, r.pairs(order, predicted, names, preferred))
			var got []Kind
			for _, d := range r.Differences {
				got = append(got, d.Kind)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", r.Differences, test.want)
			}
		})
	}
}

func TestCompareAdjs(t *testing.T) {
	victim := func(container string, adj int32) v1alpha1.OOMVictim {
		return v1alpha1.OOMVictim{Namespace: "shop", Pod: "a", Container: container, OOMScoreAdj: adj}
	}
	tests := map[string]struct {
		order      []v1alpha1.OOMVictim
		equal, bad int
	}{
		"equal":       {order: []v1alpha1.OOMVictim{victim("x", 3), victim("y", 999)}, equal: 2},
		"off by one":  {order: []v1alpha1.OOMVictim{victim("x", 2), victim("y", 999)}, equal: 1, bad: 1},
		"one missing": {order: []v1alpha1.OOMVictim{victim("x", 3)}, equal: 1, bad: 1},
		"one dead":    {order: []v1alpha1.OOMVictim{victim("x", 3), victim("y", 999), victim("z", 0)}, equal: 2, bad: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &Result{Adjs: map[Container]int{{"shop/a", "x"}: 3, {"shop/a", "y"}: 999}}
			r.compareAdjs(test.order)
			if r.Equal != test.equal || len(r.Differences) != test.bad {
				t.Errorf("%d equal, differences %v; want %d and %d", r.Equal, r.Differences, test.equal, test.bad)
			}
		})
	}
}

func letters(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "")
}
