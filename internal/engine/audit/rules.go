package audit

import "github.com/killorder/killorder/internal/engine"

// rules are all there is to find. Within a severity, this is the order in which findings are shown.
var rules = []rule{
	{name: "NoMemoryEvictionThreshold", severity: engine.Critical, node: noMemoryEvictionThreshold},
	{name: "ShieldedCulprit", severity: engine.Critical, pod: shieldedCulprit},
	{name: "CriticalNotGuaranteed", severity: engine.Critical, pod: criticalNotGuaranteed},
	{name: "CriticalWithoutPriority", severity: engine.Warning, pod: criticalWithoutPriority},
	{name: "PriorityNotHonoredByKernel", severity: engine.Warning, pod: priorityNotHonoredByKernel},
	{name: "NearMemoryLimit", severity: engine.Warning, node: nearMemoryLimit},
	{name: "SidecarOutweighsMain", severity: engine.Warning, pod: sidecarOutweighsMain},
	{name: "UsageAboveRequest", severity: engine.Warning, pod: usageAboveRequest},
	{name: "BestEffortPod", severity: engine.Warning, pod: bestEffortPod},
	{name: "AlmostGuaranteed", severity: engine.Warning, pod: almostGuaranteed},
	{name: "EvictionDefaultsDropped", severity: engine.Warning, node: evictionDefaultsDropped},
	{name: "NoKubeReserved", severity: engine.Warning, node: noKubeReserved},
	{name: "NoSystemReserved", severity: engine.Warning, node: noSystemReserved},
	{name: "NegligibleRequest", severity: engine.Info, pod: negligibleRequest},
	{name: "MissingMemoryLimit", severity: engine.Info, pod: missingMemoryLimit},
	{name: "LimitsOvercommitted", severity: engine.Info, node: limitsOvercommitted},
	{name: "RequestsNearAllocatable", severity: engine.Info, node: requestsNearAllocatable},
	{name: "TinyEvictionThreshold", severity: engine.Info, node: tinyEvictionThreshold},
	{name: "NoSoftEviction", severity: engine.Info, node: noSoftEviction},
	{name: "SwapSurprise", severity: engine.Info, node: swapSurprise},
}

// Names of the rules.
func Names() []string {
	names := make([]string, len(rules))
	for i := range rules {
		names[i] = rules[i].name
	}
	return names
}
