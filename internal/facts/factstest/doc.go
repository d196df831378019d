// Package factstest builds facts for tests: pods and nodes by trait, a crowded node for benchmarks, and nodes
// made of random bytes for property tests and fuzzing.
//
// Tests named TestFactN... hold the engine to one numbered rule each. The rules, and the Kubernetes v1.37.2 or
// Linux source that each was read in (kubelet/ is k8s.io/kubernetes/pkg/kubelet/):
//
//	 1 eviction keys: over the request, then lower priority, then more over   kubelet/eviction/helpers.go
//	 2 the effective memory request                                           pkg/api/v1/resource/helpers.go
//	 3 a pod without stats ranks first; containerd's come from containers     kubelet/stats/cri_stats_provider.go
//	 4 equal keys have no order; ours is total                                kubelet/eviction/helpers.go
//	 5 static, mirror and system-critical pods are never evicted              kubelet/types/pod_update.go
//	 6 every bound, unfinished pod is a candidate                             kubelet/kubelet_pods.go
//	 8 memory.available and its threshold                                     kubelet/eviction, kubelet/server/stats
//	 9 allocatableMemory.available: the same against the kubepods limit       kubelet/eviction, kubelet/cm
//	10 allocatable leaves out reservations, threshold and huge pages          kubelet/nodestatus/setters.go
//	11 eviction follows allocated resources, oom_score_adj those at start     kubelet/allocation, kubelet/kubelet_pods.go
//	13 -997 for Guaranteed and node-critical, 1000 for BestEffort             kubelet/qos/policy.go
//	14 Burstable: thousandths of capacity not requested, 3 to 999             kubelet/qos/policy.go
//	15 a sidecar is no likelier a victim than the containers it serves        kubelet/qos/policy.go
//	16 no capacity is an error, not a division by zero                        kubelet/qos/policy.go
//	17 badness                                                                mm/oom_kill.c
//	18 /proc/PID/oom_score                                                    fs/proc/base.c
//	21 the scope that runs out sets the scale                                 mm/oom_kill.c
//	22 priority plays no part for the kernel                                  mm/oom_kill.c
package factstest
