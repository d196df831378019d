package v1alpha1

// Condition types of a NodeKillOrder.
const (
	// ConditionReady is True while the usage behind the order is fresh.
	ConditionReady = "Ready"
	// ConditionCriticalAtRisk is True while a critical pod is within riskRank of an order and that killer's
	// headroom is under riskHeadroomPercent.
	ConditionCriticalAtRisk = "CriticalAtRisk"
	// ConditionWrongVictim is True while the nearer killer's first victim is not the culprit and headroom is
	// under riskHeadroomPercent.
	ConditionWrongVictim = "WrongVictim"
	// ConditionMemoryPressure mirrors the Node's.
	ConditionMemoryPressure = "MemoryPressure"
)

// Reasons of the conditions.
const (
	ReasonUsageFresh       = "UsageFresh"
	ReasonUsageStale       = "UsageStale"
	ReasonUsageUnavailable = "UsageUnavailable"

	ReasonCriticalPodNearFront = "CriticalPodNearFront"
	ReasonHeadroomAmple        = "HeadroomAmple"
	ReasonHeadroomUnknown      = "HeadroomUnknown"
	ReasonNoCriticalPod        = "NoCriticalPodNearFront"

	ReasonVictimNotCulprit = "VictimNotCulprit"
	ReasonVictimIsCulprit  = "VictimIsCulprit"
	ReasonNoCulprit        = "NoCulprit"
	ReasonNoVictim         = "NoVictim"

	ReasonNodeCondition        = "NodeCondition"
	ReasonNodeConditionUnknown = "NodeConditionUnknown"
)
