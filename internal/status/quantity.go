package status

import "k8s.io/apimachinery/pkg/api/resource"

// quantity is an exact amount, as configured.
func quantity(bytes int64) resource.Quantity {
	return *resource.NewQuantity(bytes, resource.BinarySI)
}

// figure is an amount read, or derived from readings, in whole Mi from 1Mi up: more digits would be noise.
func figure(bytes int64) resource.Quantity {
	const ki, mi = 1 << 10, 1 << 20
	if bytes >= mi || bytes <= -mi {
		return quantity(bytes / mi * mi)
	}
	return quantity(bytes / ki * ki)
}

// sticky is the figure published before if the exact one is within its Band.
func sticky(before *resource.Quantity, exact int64) resource.Quantity {
	if before == nil {
		return figure(exact)
	}
	return figure(keep(before.Value(), exact))
}
