package compare

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

// promoted are promotions of pods in namespaces: so many in each.
func promoted(pods map[string]int) *promotions {
	p := &promotions{all: map[types.UID]*promotion{}}
	for namespace, n := range pods {
		for i := range n {
			p.all[types.UID(fmt.Sprintf("%s-%02d", namespace, i))] = &promotion{namespace: namespace, pod: fmt.Sprint(i), changed: noon}
		}
	}
	return p
}

// TestAtOnce: as many Events are expected as the bound lets through at once.
func TestAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		pods map[string]int
		want int
	}{
		"one namespace":                   {map[string]int{"a": 1000}, 5},
		"a namespace with few pods":       {map[string]int{"a": 1000, "b": 3}, 8},
		"as many as the cluster gets":     {map[string]int{"a": 20, "b": 20, "c": 20, "d": 20, "e": 20}, 25},
		"more than what the cluster gets": {map[string]int{"a": 20, "b": 20, "c": 20, "d": 20, "e": 20, "f": 20}, 25},
	} {
		t.Run(name, func(t *testing.T) {
			if have := len(promoted(test.pods).atOnce()); have != test.want {
				t.Errorf("%d Events, want %d", have, test.want)
			}
		})
	}
}

// TestUntold: an Event that has not come is waited for, so that its seconds are in the percentiles.
func TestUntold(t *testing.T) {
	p := promoted(map[string]int{"a": 30})
	some := p.atOnce()
	for i, uid := range some[1:] {
		p.all[uid].told = noon.Add(time.Duration(i+1) * time.Second)
	}
	p.heard("another pod")
	if err := p.untold(some); err == nil || !strings.Contains(err.Error(), "1 of 5 Events have not come, among them that of a/0") {
		t.Errorf("%v, want an error about the Event of a/0", err)
	}
	p.deaf = errors.New("connection refused")
	if err := p.untold(some); !errors.Is(err, p.deaf) {
		t.Errorf("%v, want one that says why no Event comes", err)
	}
	p.all[some[0]].told = noon.Add(time.Minute)
	if err := p.untold(some); err != nil {
		t.Error(err)
	}
	seconds := p.seconds(some, func(pod *promotion) time.Time { return pod.told })
	if diff := cmp.Diff([]float64{1, 2, 3, 4, 60}, seconds); diff != "" {
		t.Errorf("(-want +have)\n%s", diff)
	}
}
