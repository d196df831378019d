package extract

import (
	"testing"

	"github.com/killorder/killorder/internal/facts"
)

// TestFact53OwnWorkingSet: a pod uses the sum of its own containers, and an adapter's unnamed container is their total.
func TestFact53OwnWorkingSet(t *testing.T) {
	type containers map[string]int64
	for name, tc := range map[string]struct {
		source   facts.Source
		reported int64
		read     containers
		want     int64
	}{
		"all of its own, as the source summed them up": {facts.SourceMetricsAPI, 23, containers{"app": 21, "log": 2}, 23},
		"an unnamed total beside all of its own":       {facts.SourceMetricsAPI, 23, containers{"": 27, "app": 21, "log": 2}, 23},
		"an unnamed total in the source's sum":         {facts.SourceMetricsAPI, 50, containers{"": 27, "POD": 1, "app": 21, "log": 2}, 23},
		"an unnamed total alone":                       {facts.SourceMetricsAPI, 27, containers{"": 27}, 27},
		"an unnamed total beside some of its own":      {facts.SourceMetricsAPI, 21, containers{"": 27, "app": 21}, 27},
		"an unnamed total beside strangers":            {facts.SourceMetricsAPI, 5, containers{"": 27, "POD": 5}, 27},
		"the pause container":                          {facts.SourceMetricsAPI, 24, containers{"POD": 1, "app": 21, "log": 2}, 23},
		"some of its own":                              {facts.SourceMetricsAPI, 21, containers{"app": 21}, 21},
		"strangers only":                               {facts.SourceMetricsAPI, 5, containers{"old": 5}, facts.Unknown},
		"nothing":                                      {facts.SourceMetricsAPI, 0, containers{}, facts.Unknown},
		"a kubelet's figure of the pod":                {facts.SourceKubelet, 30, containers{"app": 21, "log": 2}, 30},
		"amounts beyond any machine":                   {facts.SourceMetricsAPI, 5, containers{"POD": 1, "app": facts.MaxBytes, "log": facts.MaxBytes}, facts.MaxBytes},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &facts.Pod{Containers: []facts.Container{
				{Name: "setup", Kind: facts.Init}, {Name: "app", Running: true}, {Name: "log", Running: true},
			}}
			r := &facts.PodReading{Source: tc.source, WorkingSet: tc.reported}
			for name, bytes := range tc.read {
				usage := facts.NoContainerUsage
				usage.WorkingSet = bytes
				r.Containers = append(r.Containers, facts.ContainerReading{Name: name, ContainerUsage: usage})
			}
			if got := ownWorkingSet(pod, r); got != tc.want {
				t.Errorf("%d bytes, want %d", got, tc.want)
			}
		})
	}
}
