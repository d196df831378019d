package kubelets

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// Summary is the short answer of a node's /stats/summary at the time at. began is
// when the containers started and memory began to change.
func Summary(node *scenario.Node, began, at time.Time) *stats.Summary {
	return summary(take(node, began, at), began, true)
}

// summary is the answer of /stats/summary; the short form, asked for with
// only_cpu_and_memory=true, leaves out file systems.
func summary(s *sample, started time.Time, short bool) *stats.Summary {
	start := metav1.NewTime(started)
	out := &stats.Summary{
		Node: stats.NodeStats{
			NodeName:         s.node.Name,
			StartTime:        start,
			CPU:              s.cpu(s.cpuSeconds),
			Memory:           s.memory(s.workingSet, s.rss, s.available()),
			Swap:             s.swap(s.swapUsage, s.node.Class.Swap),
			SystemContainers: s.systemContainers(start),
		},
		Pods: make([]stats.PodStats, 0, len(s.pods)),
	}
	if !short {
		out.Node.Fs = s.fileSystem()
		out.Node.Runtime = &stats.RuntimeStats{ImageFs: s.fileSystem(), ContainerFs: s.fileSystem()}
	}
	for i := range s.pods {
		out.Pods = append(out.Pods, s.podStats(&s.pods[i], start))
	}
	return out
}

func (s *sample) systemContainers(start metav1.Time) []stats.ContainerStats {
	system := func(name string, workingSet, rss int64, memory *stats.MemoryStats) stats.ContainerStats {
		if memory == nil {
			memory = s.usage(workingSet, rss)
		}
		return stats.ContainerStats{Name: name, StartTime: start, CPU: s.cpu(startupCPU), Memory: memory}
	}
	podsFree := max(0, s.node.Class.PodsLimit()-s.podsWorkingSet)
	return []stats.ContainerStats{
		system(stats.SystemContainerKubelet, s.kubelet, s.kubelet*9/10, nil),
		system(stats.SystemContainerRuntime, s.runtime, s.runtime*9/10, nil),
		system(stats.SystemContainerPods, 0, 0, s.memory(s.podsWorkingSet, s.podsRSS, podsFree)),
	}
}

func (s *sample) podStats(p *podSample, start metav1.Time) stats.PodStats {
	out := stats.PodStats{
		PodRef:    stats.PodReference{Name: p.pod.Name, Namespace: p.pod.Class.Namespace, UID: p.pod.UID},
		StartTime: start,
		CPU:       s.cpu(p.cpuSeconds),
		Memory:    s.usage(p.workingSet, p.rss),
		Swap:      s.swap(p.swapUsage, 0),
	}
	for i := range p.containers {
		c := &p.containers[i]
		memory := s.usage(c.workingSet, c.rss)
		if limit := c.class.Resources.Limits.Memory().Value(); limit > 0 {
			memory = s.memory(c.workingSet, c.rss, max(0, limit-c.workingSet))
		}
		out.Containers = append(out.Containers, stats.ContainerStats{
			Name: c.class.Name, StartTime: start,
			CPU: s.cpu(c.cpuSeconds), Memory: memory, Swap: s.swap(c.swapUsage, 0),
		})
	}
	return out
}

func (s *sample) cpu(seconds float64) *stats.CPUStats {
	total := uint64(seconds * float64(time.Second))
	var rate uint64
	if s.elapsed > 0 {
		rate = uint64((seconds - startupCPU) / s.elapsed.Seconds() * float64(time.Second))
	}
	return &stats.CPUStats{Time: metav1.NewTime(s.at), UsageNanoCores: &rate, UsageCoreNanoSeconds: &total}
}

// usage is the memory of something without a limit of its own.
func (s *sample) usage(workingSet, rss int64) *stats.MemoryStats {
	used, set, anonymous, faults := uint64(workingSet), uint64(workingSet), uint64(rss), uint64(0)
	return &stats.MemoryStats{
		Time: metav1.NewTime(s.at), UsageBytes: &used, WorkingSetBytes: &set, RSSBytes: &anonymous,
		PageFaults: &faults, MajorPageFaults: &faults,
	}
}

func (s *sample) memory(workingSet, rss, available int64) *stats.MemoryStats {
	free := uint64(available)
	m := s.usage(workingSet, rss)
	m.AvailableBytes = &free
	return m
}

func (s *sample) swap(used, capacity int64) *stats.SwapStats {
	usage, free := uint64(used), uint64(max(0, capacity-used))
	out := &stats.SwapStats{Time: metav1.NewTime(s.at), SwapUsageBytes: &usage}
	if capacity > 0 {
		out.SwapAvailableBytes = &free
	}
	return out
}

// fileSystem is a disk that never fills: this simulation is about memory.
func (s *sample) fileSystem() *stats.FsStats {
	capacity, available, used := uint64(200<<30), uint64(150<<30), uint64(50<<30)
	return &stats.FsStats{Time: metav1.NewTime(s.at), CapacityBytes: &capacity, AvailableBytes: &available, UsedBytes: &used}
}
