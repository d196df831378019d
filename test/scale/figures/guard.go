package figures

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Guard has the figures that must not get worse, by name. Most count bytes or writes, so that the figure is the same on a
// slow machine and on a busy one. The CPU time of a pass is divided by that of a scrape of kube-state-metrics, measured at the same time.
type Guard map[string]float64

// Names of guarded figures.
const (
	guardHeap      = "heap after a garbage collection, bytes for each pod"
	guardAllocated = "bytes allocated by a pass, for each pod"
	guardNoise     = "writes per node and pass under noise"
	guardCold      = "writes per order at a cold start"
	guardMemory    = "heap beside that of kube-state-metrics"
	guardCPU       = "CPU time of a pass beside that of a scrape"
)

// worse is how much worse than the stored value a figure may be.
const worse = 4. / 3

// always is what a figure may always be: a third more than a stored 0 would still be 0.
var always = Guard{guardNoise: 0.05}

// Guard returns the guarded figures of a run.
func (f *Figures) Guard() Guard {
	nodes := float64(f.Nodes)
	g := Guard{
		guardHeap:      float64(f.Operator.Heap) / float64(f.Pods),
		guardAllocated: Median(f.Operator.Allocated) / float64(f.Pods),
		guardNoise:     Mean(f.Noise) * f.Interval / nodes,
		guardCold:      float64(f.ColdWrites) / nodes,
	}
	// A ratio of nothing is left out: Check then misses it.
	if memory := ratio(float64(f.Operator.Heap), float64(f.StateMetrics.Heap)); memory > 0 {
		g[guardMemory] = memory
	}
	// Other work on the machine only ever makes a program take more CPU time, so the least says most.
	if cpu := ratio(least(f.Operator.CPU), least(f.StateMetrics.CPU)); cpu > 0 {
		g[guardCPU] = cpu
	}
	return g
}

// ReadGuard reads the stored values.
func ReadGuard(path string) (Guard, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	g := Guard{}
	return g, json.Unmarshal(text, &g)
}

// Write stores the values.
func (g Guard) Write(path string) error {
	text, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// Check compares the figures of a run with the stored ones: a line for each, and an error where one is worse by more than a
// third, or missing.
func (g Guard) Check(stored Guard) (string, error) {
	var lines, failed []string
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		now, measured := g[name]
		bound := max(stored[name]*worse, always[name])
		lines = append(lines, fmt.Sprintf("%-45s %8.4f, stored %8.4f, at most %8.4f", name, now, stored[name], bound))
		if !measured || now > bound {
			failed = append(failed, fmt.Sprintf("%s is %.4f, stored %.4f: worse by more than a third", name, now, stored[name]))
		}
	}
	if len(failed) > 0 {
		return strings.Join(lines, "\n"), fmt.Errorf("%s. Find out why; -store stores values that are meant to be worse",
			strings.Join(failed, "; "))
	}
	return strings.Join(lines, "\n"), nil
}
