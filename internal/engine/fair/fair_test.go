package fair_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/killorder/killorder/internal/engine/fair"
)

// item is a class, a namespace of one letter, and a number: "1A3".
func class(s *string) int        { return int((*s)[0] - '0') }
func namespace(s *string) string { return (*s)[1:2] }

func items(class int, namespace string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%d%s%d", class, namespace, i))
	}
	return all
}

func TestFirst(t *testing.T) {
	for name, tc := range map[string]struct {
		items []string
		n     int
		want  string
	}{
		"nothing":                             {nil, 3, ""},
		"one namespace has all the places":    {items(0, "A", 5), 3, "0A0 0A1 0A2"},
		"fewer than places":                   {items(0, "A", 2), 3, "0A0 0A1"},
		"a flood leaves every second place":   {slices.Concat(items(0, "A", 300), items(1, "B", 4)), 6, "0A0 1B0 0A1 1B1 0A2 1B2"},
		"the others take turns":               {slices.Concat(items(0, "A", 300), items(1, "B", 4), items(1, "C", 1)), 6, "0A0 1B0 0A1 1C0 0A2 1B1"},
		"equal classes take turns":            {slices.Concat(items(0, "A", 9), items(0, "B", 9), items(0, "C", 9)), 6, "0A0 0B0 0C0 0A1 0B1 0C1"},
		"the worst of the others comes first": {slices.Concat(items(0, "A", 9), items(2, "B", 1), items(1, "C", 1)), 4, "0A0 1C0 0A1 2B0"},
		"the flood fills what nobody wants":   {slices.Concat(items(0, "A", 9), items(1, "B", 1)), 5, "0A0 1B0 0A1 0A2 0A3"},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(tc.items)
			got := fair.First(tc.items, tc.n, class, namespace)
			if first := strings.Join(got[:min(tc.n, len(got))], " "); first != tc.want {
				t.Errorf("%s, want %s", first, tc.want)
			}
			slices.Sort(got)
			all := slices.Clone(before)
			slices.Sort(all)
			if !slices.Equal(got, all) || !slices.Equal(tc.items, before) {
				t.Error("an item was lost or doubled, or the input changed")
			}
		})
	}
}

func TestKeep(t *testing.T) {
	for name, tc := range map[string]struct {
		items []string
		n     int
		want  string
	}{
		"nothing":                          {nil, 3, ""},
		"no places":                        {items(0, "A", 3), 0, ""},
		"one namespace has all the places": {items(0, "A", 5), 3, "0A0 0A1 0A2"},
		"half and half":                    {slices.Concat(items(0, "A", 9), items(1, "B", 9)), 6, "0A0 0A1 0A2 1B0 1B1 1B2"},
		"the order stays":                  {slices.Concat(items(0, "A", 3), items(1, "B", 1), items(2, "A", 3)), 6, "0A0 0A1 0A2 1B0 2A0 2A1"},
		"what nobody else wants":           {slices.Concat(items(0, "A", 9), items(1, "B", 1)), 6, "0A0 0A1 0A2 0A3 0A4 1B0"},
		"each has one":                     {slices.Concat(items(0, "A", 9), items(0, "B", 9), items(1, "C", 1), items(1, "D", 1)), 6, "0A0 0A1 0B0 0B1 1C0 1D0"},
		"more namespaces than places":      {slices.Concat(items(0, "A", 2), items(0, "B", 2), items(0, "C", 2)), 2, "0A0 0B0"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for i, kept := range fair.Keep(tc.items, tc.n, namespace) {
				if kept {
					got = append(got, tc.items[i])
				}
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("%v, want %s", got, tc.want)
			}
		})
	}
}
