package facts

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
)

var _ labels.Labels = Labels(nil)

func TestNewLabels(t *testing.T) {
	cases := map[string]struct {
		from map[string]string
		want Labels
	}{
		"none":   {},
		"empty":  {from: map[string]string{}},
		"sorted": {map[string]string{"tier": "db", "app": "shop"}, Labels{"app", "shop", "tier", "db"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, NewLabels(tc.from, nil)); diff != "" {
				t.Errorf("NewLabels (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewLabelsInternsKeysAndValues(t *testing.T) {
	var got []string
	NewLabels(map[string]string{"app": "shop"}, func(s string) string {
		got = append(got, s)
		return s
	})
	if diff := cmp.Diff([]string{"app", "shop"}, got); diff != "" {
		t.Errorf("interned (-want +got):\n%s", diff)
	}
}

func TestLabelsLookup(t *testing.T) {
	l := NewLabels(map[string]string{"app": "shop", "empty": "", "shop": "x"}, nil)
	cases := map[string]struct {
		key, want string
		wantHas   bool
	}{
		"set":                  {"app", "shop", true},
		"set to nothing":       {"empty", "", true},
		"not set":              {"tier", "", false},
		"a value is not a key": {"x", "", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := l.Lookup(tc.key)
			if got != tc.want || ok != tc.wantHas || l.Get(tc.key) != tc.want || l.Has(tc.key) != tc.wantHas {
				t.Errorf("Lookup(%q) = %q, %t; want %q, %t", tc.key, got, ok, tc.want, tc.wantHas)
			}
		})
	}
}
