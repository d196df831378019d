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

// Keep chooses up to n of the items, which come worst first, and says which: the first, but no more than half of the places go
// to one namespace while items of others wait, and a namespace that has any item has at least one place, as long as others
// have more than one. Otherwise it keeps to the order, where First spreads the places evenly.
func Keep[T any](items []T, n int, namespace func(*T) string) (kept []bool) {
	kept = make([]bool, len(items))
	n = min(n, len(items))
	places, left := map[string]int{}, n
	for _, most := range []int{max(n/2, 1), n} {
		for i := range items {
			if ns := namespace(&items[i]); !kept[i] && left > 0 && places[ns] < most {
				kept[i] = true
				places[ns]++
				left--
			}
		}
	}
	for i := range items {
		ns := namespace(&items[i])
		if kept[i] || places[ns] > 0 {
			continue
		}
		if out := lastOfMost(items, kept, places, namespace); out >= 0 {
			kept[out], kept[i] = false, true
			places[namespace(&items[out])]--
			places[ns]++
		}
	}
	return kept
}

// lastOfMost is the last item that was kept of the namespace with the most places, -1 if no namespace has two.
func lastOfMost[T any](items []T, kept []bool, places map[string]int, namespace func(*T) string) int {
	best := -1
	for i := range items {
		count := places[namespace(&items[i])]
		if kept[i] && count > 1 && (best < 0 || count >= places[namespace(&items[best])]) {
			best = i
		}
	}
	return best
}
