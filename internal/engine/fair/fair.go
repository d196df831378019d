// Package fair shares out the places of a bounded list between namespaces, so that whoever writes a thousand pods into
// one namespace hides nothing of the others.
package fair

import "cmp"

// First returns items with n of them first, chosen one after the other; the others follow in their order. While items of
// other namespaces wait, no namespace takes more than every second place. Among the items that may be chosen, the lowest
// class comes first, then the namespace that has the fewest places so far, then the item's place in items.
func First[T any](items []T, n int, class func(*T) int, namespace func(*T) string) []T {
	n = min(n, len(items))
	chosen, taken, places := make([]T, 0, len(items)), make([]bool, len(items)), map[string]int{}
	for len(chosen) < n {
		best := -1
		for _, bounded := range []bool{true, false} {
			best = next(items, taken, class, func(i int) (int, bool) {
				count := places[namespace(&items[i])]
				return count, !bounded || 2*count <= len(chosen)
			})
			if best >= 0 {
				break
			}
		}
		taken[best] = true
		places[namespace(&items[best])]++
		chosen = append(chosen, items[best])
	}
	for i := range items {
		if !taken[i] {
			chosen = append(chosen, items[i])
		}
	}
	return chosen
}

// next returns the index of the item to choose, -1 if none may be chosen. share returns how many places the item's
// namespace has, and whether the namespace may take another.
func next[T any](items []T, taken []bool, class func(*T) int, share func(int) (int, bool)) int {
	best, bestCount := -1, 0
	for i := range items {
		if taken[i] {
			continue
		}
		count, may := share(i)
		if !may {
			continue
		}
		if best < 0 || cmp.Or(cmp.Compare(class(&items[i]), class(&items[best])), cmp.Compare(count, bestCount)) < 0 {
			best, bestCount = i, count
		}
	}
	return best
}
