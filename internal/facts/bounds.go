package facts

import "time"

// Cut-offs and names that several packages go by.
const (
	// UnavailableAfter is the age from which a reading is not used at all, and the time over which readings are kept.
	UnavailableAfter = 10 * time.Minute
	// MaxClockSkew is how far the clocks of two machines may differ: a reading that is further ahead is refused.
	MaxClockSkew = time.Minute
	// SystemCriticalPriority is the lowest priority that exempts a pod from eviction
	// (pkg/apis/scheduling/types.go of Kubernetes v1.37.2).
	SystemCriticalPriority = 2000000000
	// LinuxEvictionHard and WindowsEvictionHard are the kubelet's default hard memory.available thresholds, in bytes
	// (pkg/kubelet/eviction/defaults_linux.go and defaults_windows.go, v1.37.2).
	LinuxEvictionHard   = 100 << 20
	WindowsEvictionHard = 500 << 20
)
