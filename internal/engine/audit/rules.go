package audit

import "github.com/killorder/killorder/internal/engine"

// rules are all there is to find. Within a severity, this is the order in which findings are shown.
var rules = []rule{
	{name: "NoMemoryEvictionThreshold", severity: engine.Critical, node: noMemoryEvictionThreshold, text: noMemoryEvictionThresholdText},
	{name: "MillibyteQuantity", severity: engine.Critical, pod: millibyteQuantity, text: millibyteQuantityText},
	{name: "ShieldedCulprit", severity: engine.Critical, pod: shieldedCulprit, text: shieldedCulpritText},
	{name: "CriticalNotGuaranteed", severity: engine.Critical, pod: criticalNotGuaranteed, text: criticalNotGuaranteedText},
	{name: "CriticalWithoutPriority", severity: engine.Warning, pod: criticalWithoutPriority, text: criticalWithoutPriorityText},
	{name: "PriorityNotHonoredByKernel", severity: engine.Warning, pod: priorityNotHonoredByKernel, text: priorityNotHonoredByKernelText},
	{name: "NearMemoryLimit", severity: engine.Warning, node: nearMemoryLimit, text: nearMemoryLimitText},
	{name: "FixLimitKilled", severity: engine.Warning, pod: fixLimitKilled, text: fixLimitKilledText},
	{name: "LimitKilledAgain", severity: engine.Warning, pod: limitKilledAgain, text: limitKilledAgainText},
	{name: "KilledOnSeveralNodes", severity: engine.Warning, pod: killedOnSeveralNodes, text: killedOnSeveralNodesText},
	{name: "SidecarOutweighsMain", severity: engine.Warning, pod: sidecarOutweighsMain, text: sidecarOutweighsMainText},
	{name: "UsageAboveRequest", severity: engine.Warning, pod: usageAboveRequest, text: usageAboveRequestText},
	{name: "BestEffortPod", severity: engine.Warning, pod: bestEffortPod, text: bestEffortPodText},
	{name: "AlmostGuaranteed", severity: engine.Warning, pod: almostGuaranteed, text: almostGuaranteedText},
	{name: "HugePagesHideThreshold", severity: engine.Warning, node: hugePagesHideThreshold, text: hugePagesHideThresholdText},
	{name: "MemoryOutsidePods", severity: engine.Warning, node: memoryOutsidePods, text: memoryOutsidePodsText},
	{name: "SoftThresholdUseless", severity: engine.Warning, node: softThresholdUseless, text: softThresholdUselessText},
	{name: "EvictionDefaultsDropped", severity: engine.Warning, node: evictionDefaultsDropped, text: evictionDefaultsDroppedText},
	{name: "NoKubeReserved", severity: engine.Warning, node: noKubeReserved, text: noKubeReservedText},
	{name: "NoSystemReserved", severity: engine.Warning, node: noSystemReserved, text: noSystemReservedText},
	{name: "LimitMostlyCache", severity: engine.Info, node: limitMostlyCache, text: limitMostlyCacheText},
	{name: "MemoryBackedEmptyDir", severity: engine.Info, pod: memoryBackedEmptyDir, text: memoryBackedEmptyDirText},
	{name: "NegligibleRequest", severity: engine.Info, pod: negligibleRequest, text: negligibleRequestText},
	{name: "MissingMemoryLimit", severity: engine.Info, pod: missingMemoryLimit, text: missingMemoryLimitText},
	{name: "LimitsOvercommitted", severity: engine.Info, node: limitsOvercommitted, text: limitsOvercommittedText},
	{name: "RequestsNearAllocatable", severity: engine.Info, node: requestsNearAllocatable, text: requestsNearAllocatableText},
	{name: "TinyEvictionThreshold", severity: engine.Info, node: tinyEvictionThreshold, text: tinyEvictionThresholdText},
	{name: "NoSoftEviction", severity: engine.Info, node: noSoftEviction, text: noSoftEvictionText},
	{name: "SwapSurprise", severity: engine.Info, node: swapSurprise, text: swapSurpriseText},
}

// Names of the rules.
func Names() []string {
	names := make([]string, len(rules))
	for i := range rules {
		names[i] = rules[i].name
	}
	return names
}
