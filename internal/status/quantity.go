package status

import "k8s.io/apimachinery/pkg/api/resource"

// quantity returns an exact amount of bytes, as somebody configured it.
func quantity(bytes int64) resource.Quantity {
	return *resource.NewQuantity(bytes, resource.BinarySI)
}

// figure returns an amount of bytes that was read, or follows from readings: in whole Mi from 1Mi up, in whole Ki below.
// More digits would be noise.
func figure(bytes int64) resource.Quantity {
	const ki, mi = 1 << 10, 1 << 20
	if bytes >= mi || bytes <= -mi {
		return quantity(bytes / mi * mi)
	}
	return quantity(bytes / ki * ki)
}

// sticky returns the figure that was published before if the exact amount is within that figure's band, else the exact
// amount's figure.
func sticky(band func(int64) int64, before *resource.Quantity, exact int64) resource.Quantity {
	if before == nil {
		return figure(exact)
	}
	return figure(keepWithin(band(before.Value()), before.Value(), exact))
}
