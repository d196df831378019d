package figures

import (
	"fmt"
	"slices"
	"strings"
)

// Live is what commands of the plugin and kubectl took on a cluster whose kubelets answer, one figure a round.
type Live struct {
	Date    string
	Machine Machine
	Nodes   int
	// Rank, Get (`kubectl get pods -A -o json`), and explain of a workload with replicas on all nodes, and of one pod.
	Rank, Get, ExplainWorkload, ExplainPod []Command
	// Bare is how many seconds a client took that reads the two answers of all kubelets, and does nothing with them.
	Bare []float64
}

// Table of the medians in Markdown, with the ratios to kubectl's.
func (l *Live) Table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "| %d nodes | wall | of kubectl's | CPU | peak memory | of kubectl's |\n|---|---|---|---|---|---|\n", l.Nodes)
	get := medians(l.Get)
	for _, r := range []struct {
		what string
		took Command
	}{
		{"`kubectl get pods -A -o json`", get},
		{"`rank`", medians(l.Rank)},
		{"`explain` of a workload on all nodes", medians(l.ExplainWorkload)},
		{"`explain` of one pod", medians(l.ExplainPod)},
		{"all kubelets asked by a bare client", Command{Wall: Median(l.Bare)}},
	} {
		fmt.Fprintf(&out, "| %s | %s | %.3f |", r.what, seconds(r.took.Wall), ratio(r.took.Wall, get.Wall))
		if r.took.Peak == 0 { // measured inside this program
			out.WriteString(" | | |\n")
			continue
		}
		fmt.Fprintf(&out, " %s | %s | %.3f |\n", seconds(r.took.CPU), mib(r.took.Peak), ratio(float64(r.took.Peak), float64(get.Peak)))
	}
	fmt.Fprintf(&out, "\nRounds: %d, medians. %s; %d cores, %.0f GiB, load average %.1f to %.1f.\n",
		len(l.Bare), l.Date, l.Machine.Cores, float64(l.Machine.Memory)/(1<<30),
		slices.Min(l.Machine.Load), slices.Max(l.Machine.Load))
	return out.String()
}

func medians(of []Command) Command {
	var wall, cpu, peak []float64
	for _, c := range of {
		wall, cpu, peak = append(wall, c.Wall), append(cpu, c.CPU), append(peak, float64(c.Peak))
	}
	return Command{Wall: Median(wall), CPU: Median(cpu), Peak: int64(Median(peak))}
}
