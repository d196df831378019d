package facts

import "strconv"

// Units of memory, in bytes.
const (
	KiB = int64(1) << 10
	MiB = KiB << 10
	GiB = MiB << 10
)

// Amount is an amount of memory as texts say it, in whole Mi, or in Gi where that is exact; below 1Mi in whole Ki.
func Amount(bytes int64) string {
	size := max(bytes, -bytes)
	switch {
	case size >= GiB && bytes%GiB == 0:
		return strconv.FormatInt(bytes/GiB, 10) + "Gi"
	case size >= MiB:
		return strconv.FormatInt(bytes/MiB, 10) + "Mi"
	case size >= KiB:
		return strconv.FormatInt(bytes/KiB, 10) + "Ki"
	}
	return "0"
}
