package figures

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLiveTable(t *testing.T) {
	of := func(wall, cpu float64, mib int64) []Command {
		return []Command{{wall, cpu, mib << 20}, {wall / 2, cpu, mib << 20}, {wall * 2, cpu, mib << 20}}
	}
	l := &Live{
		Date: "2026-11-28", Machine: Machine{Cores: 2, Memory: 24 << 30, Load: []float64{2, 1, 3}}, Nodes: 10,
		Get: of(10, 8, 1000), Rank: of(1, 0.5, 20), ExplainWorkload: of(2, 0.6, 40), ExplainPod: of(0.1, 0.02, 10), Bare: []float64{3, 1, 2},
	}
	want := "| 10 nodes | wall | of kubectl's | CPU | peak memory | of kubectl's |\n|---|---|---|---|---|---|\n" +
		"| `kubectl get pods -A -o json` | 10.00 s | 1.000 | 8.00 s | 1000 MiB | 1.000 |\n" +
		"| `rank` | 1.00 s | 0.100 | 0.50 s | 20 MiB | 0.020 |\n" +
		"| `explain` of a workload on all nodes | 2.00 s | 0.200 | 0.60 s | 40 MiB | 0.040 |\n" +
		"| `explain` of one pod | 0.10 s | 0.010 | 0.02 s | 10 MiB | 0.010 |\n" +
		"| all kubelets asked by a bare client | 2.00 s | 0.200 | | | |\n" +
		"\nRounds: 3, medians. 2026-11-28; 2 cores, 24 GiB, load average 1.0 to 3.0.\n"
	if diff := cmp.Diff(want, l.Table()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
