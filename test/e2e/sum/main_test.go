package main

import (
	"strings"
	"testing"
)

func TestSums(t *testing.T) {
	const first = `18:30:50 eviction 0: source Kubelet    [a b]: right
18:37:06 eviction, source Kubelet: predicted first victim right: 10 of 12 (83.3%, with 95% confidence 55.2% to 95.3%); in 2 a pod had just grown
eviction, source Kubelet: whole order right: 9 of 12 (75.0%); but for the place of a growing pod, for the age of its reading: 3 more
`
	const second = "eviction, source Kubelet: predicted first victim right: 12 of 12 (100.0%)\n" +
		"kernel kill, source Kubelet (scope Pods): predicted first victim right: 6 of 6\nnode, source Kubelet: predicted first victim right: 0 of 0\n"
	s := sums{right: map[string]int{}, all: map[string]int{}}
	for log, want := range map[string]int{first: 2, second: 3, "nothing\n": 0} {
		if found, err := s.add(strings.NewReader(log)); found != want || err != nil {
			t.Errorf("%d figures, %v; want %d", found, err, want)
		}
	}
	var text strings.Builder
	s.print(&text)
	for _, want := range []string{
		"eviction, source Kubelet: predicted first victim right: 22 of 24 (91.7%, with 95% confidence 74.2% to 97.7%)\n",
		"eviction, source Kubelet: whole order right: 9 of 12 (75.0%, with 95% confidence 46.8% to 91.1%)\n",
		"all killers, source Kubelet: predicted first victim right: 28 of 30 (93.3%, with 95% confidence 78.7% to 98.2%)\n",
	} {
		if got := text.String(); !strings.Contains(got, want) || strings.Contains(got, "0 of 0") {
			t.Errorf("%s; want the line %s", got, want)
		}
	}
	if _, err := s.add(strings.NewReader("eviction: predicted first victim right: 3 of 2")); err == nil {
		t.Error("more were right than there are")
	}
}
