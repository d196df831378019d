package kubelet

import (
	"slices"
	"testing"
)

// TestTags: files of the judge hold for one minor, or for all before one.
func TestTags(t *testing.T) {
	for minor, want := range map[string][]string{
		"1.34": {"kubernetes_1_34", "before_1_35", "before_1_36", "before_1_37"},
		"1.36": {"kubernetes_1_36", "before_1_37"},
		Newest: {"kubernetes_1_37"},
	} {
		if got := tags(minor); !slices.Equal(got, want) {
			t.Errorf("build tags of %s are %v, want %v", minor, got, want)
		}
	}
}
