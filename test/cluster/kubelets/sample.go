package kubelets

import (
	"time"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// sandboxBytes is the memory of a pod's sandbox: the process that holds the pod's
// namespaces. The pod's cgroup counts the sandbox; PodMetrics do not.
const sandboxBytes = 768 << 10

// startupCPU is the CPU time that a container has used when it starts, in seconds.
// The value is not 0, because metrics-server drops readings whose counter is 0.
const startupCPU = 0.05

// sample is one reading of a node; all memory is in bytes.
type sample struct {
	node    *scenario.Node
	at      time.Time
	elapsed time.Duration
	pods    []podSample

	podsWorkingSet, podsRSS    int64
	kubelet, runtime, other    int64
	workingSet, rss, swapUsage int64
	cpuSeconds                 float64
}

type podSample struct {
	pod                        *scenario.Pod
	containers                 []containerSample
	workingSet, rss, swapUsage int64
	cpuSeconds                 float64
}

type containerSample struct {
	class                      *scenario.Container
	workingSet, rss, swapUsage int64
	cpuSeconds                 float64
}

// take reads a node as its kubelet would: only running containers have
// figures, and a pod without any such container has none either.
func take(node *scenario.Node, began, at time.Time) *sample {
	s := &sample{node: node, at: at, elapsed: at.Sub(began)}
	seconds := s.elapsed.Seconds()
	s.pods = make([]podSample, 0, len(node.Pods))
	for _, pod := range node.Pods {
		p := takePod(pod, s.elapsed)
		s.podsWorkingSet += p.workingSet
		s.podsRSS += p.rss
		s.swapUsage += p.swapUsage
		s.cpuSeconds += p.cpuSeconds
		if len(p.containers) > 0 {
			s.pods = append(s.pods, p)
		}
	}
	s.kubelet, s.runtime, s.other = node.SystemWorkingSet(s.elapsed)
	system := s.kubelet + s.runtime + s.other
	s.workingSet = s.podsWorkingSet + system
	s.rss = s.podsRSS + system*3/4
	s.cpuSeconds += startupCPU + 0.1*seconds
	return s
}

func takePod(pod *scenario.Pod, elapsed time.Duration) podSample {
	p := podSample{pod: pod}
	if pod.Class.State != scenario.Running {
		return p
	}
	p.containers = make([]containerSample, 0, len(pod.Class.Containers))
	p.workingSet, p.rss = sandboxBytes, sandboxBytes/2
	for i := range pod.Class.Containers {
		class := &pod.Class.Containers[i]
		c := containerSample{class: class, workingSet: pod.WorkingSet(i, elapsed), swapUsage: class.Swap}
		c.rss = int64(float64(c.workingSet) * class.RSS)
		c.cpuSeconds = startupCPU + class.CPU*elapsed.Seconds()
		p.workingSet += c.workingSet
		p.rss += c.rss
		p.swapUsage += c.swapUsage
		p.cpuSeconds += c.cpuSeconds
		if !class.Unmeasured {
			p.containers = append(p.containers, c)
		}
	}
	return p
}

// available is the kubelet's memory.available: capacity less working set and,
// from 1.37 on, less what is set aside for huge pages.
func (s *sample) available() int64 {
	class := s.node.Class
	free := class.MemoryCapacity() - s.workingSet
	if hugepageAware(class.Kubelet.Version) {
		free -= class.Hugepages()
	}
	return max(0, free)
}
