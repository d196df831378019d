package forensics

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wantDeaths is what each scene's objects tell, by what ended whom: pod, container (none where the pod ended as a
// whole) and class, oldest first, kills with their confidence. No reading and no kernel log is at hand.
var wantDeaths = map[string][]string{
	"01-own-limit": {
		"own-limit-never/main ContainerLimit Medium", "own-limit/main ContainerLimit Medium", "own-limit/main ContainerLimit Medium",
	},
	"02-child-process": {
		"child-none no kill: Exit", "child-term0/main ProcessOOM High", "child-term143/main ProcessOOM High",
		"child-deleted/main ProcessOOM Medium", "child-restarts/main ProcessOOM High", "child-exit0/main ProcessOOM High",
		"child-exit1/main ProcessOOM High", "child-probed/main ProcessOOM Medium",
	},
	"03-kubepods-limit": {
		"two/main PodsOOM Medium", "trigger/main PodsOOM Medium", "two/second PodsOOM Medium",
	},
	"03b-kubepods-limit-then-evicted": {"two Eviction High"},
	"03c-kubepods-limit-then-evicted": {"two Eviction High", "two/main PodsOOM Medium"},
	"04-node-out-of-memory":           {"bu-200/main NodeOOM Medium"},
	"04b-node-out-of-memory-by-pod": {
		"be-100 no kill: Exit", "gua-100 no kill: Exit", "hog/main NodeOOM Medium", // the two were deleted by force afterwards
	},
	"05-evicted-hard":              {"be-100 Eviction High", "hog Eviction High"},
	"06-evicted-soft":              {"hog-soft Eviction High"},
	"07-evicted-exits-0":           {"hog-exit0 Eviction High"},
	"08-rejected-under-pressure":   {"late-be no kill: Rejected"},
	"09-out-of-memory-by-requests": {"too-large no kill: OutOfmemory"},
	"10-liveness":                  {"probed-143/main no kill: Probe", "probed/main no kill: Probe"},
	"11-deleted":                   {"forced no kill: Exit", "deleted-143 no kill: Exit", "deleted no kill: Exit"},
	"12-eviction-api":              {"drained-143 no kill: Drained", "drained no kill: Drained"},
	"13-preempted-by-kubelet":      {"filler no kill: Preempted"},
	"14-pod-level-limit":           {"pod-limit/main PodLimit Medium", "pod-limit/grower PodLimit Medium"},
	"15-memory-emptydir":           {"filler-of-cache/main ContainerLimit Medium"},
	"16-init-container": { // three pods of the same test die in the same seconds, which their own limits alone do not explain
		"init-oom/setup ContainerLimit Low", "init-oom-never/setup ContainerLimit Low",
		"init-oom/setup ContainerLimit Medium", "sidecar-oom/sidecar ContainerLimit Low",
	},
	"17-node-rebooted":          {"one-shot/main no kill: Reboot", "survivor/main no kill: Reboot"},
	"18-swap":                   {"swaps/main ContainerLimit Medium", "swaps/main ContainerLimit Medium"},
	"19-foreign-kill":           {"sigkill/main Foreign Low", "sigkill-never/main Foreign Low", "cgroup-kill/main Foreign Medium", "cgroup-kill/second Foreign Medium"},
	"20-shim-killed":            {"shim/main no kill: Unknown", "shim-never/main no kill: Unknown"},
	"21-evicted-storage-limit":  {"ephemeral no kill: DiskEviction", "memory/main no kill: Exit", "memory/main no kill: Exit", "disk no kill: DiskEviction"},
	"22-evicted-disk-pressure":  {"on-disk no kill: DiskEviction"},
	"23-evicted-within-request": {"runs-be Eviction High", "runs-bu Eviction High"},
	"24-rejected-while-running": {"runs-143 no kill: Rejected", "runs no kill: Rejected"},
	"25-ephemeral-container":    {"debugged/debugger PodLimit Medium"},
	"v1-evicted-allocatable":    {"be-600 Eviction High", "late-hog Eviction High", "burst-over Eviction High"},
	"v1-own-limit":              {"over-limit/main ContainerLimit Medium", "over-limit/main ContainerLimit Medium"},
	"v1-kubepods":               {"burst-big/main PodsOOM Medium", "burst-big/main PodsOOM Medium", "bystander/main no kill: Exit"},
}

func TestScenes(t *testing.T) {
	names := sceneNames(t)
	if len(names) != len(wantDeaths) {
		t.Errorf("%d scenes, and %d expectations", len(names), len(wantDeaths))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			s := loadScene(t, name)
			if diff := cmp.Diff(wantDeaths[name], lines(s.judge(s.surroundings()))); diff != "" {
				t.Errorf("deaths (-want +got):\n%s", diff)
			}
		})
	}
}

// The kernel's own log makes each of its kills certain, and never another one than the API's traces told.
func TestScenesWithTheKernelsLog(t *testing.T) {
	for _, name := range sceneNames(t) {
		s := loadScene(t, name)
		if len(s.Kernel) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			with := s.surroundings()
			with.Kernel = ParseKernel(strings.Join(s.Kernel, "\n"))
			before, after := s.judge(s.surroundings()), s.judge(with)
			for i := range after {
				a := &after[i]
				if a.Cause != before[i].Cause || a.Reason != before[i].Reason {
					t.Errorf("%s: %s", line(a), line(&before[i]))
				}
				if a.Killed() && a.Cause != CauseProcessOOM && a.Confidence != High {
					t.Errorf("%s: the kernel named it", line(a))
				}
			}
		})
	}
}

func (s *scene) judge(around Surroundings) (records []Record) {
	for i := range s.Pods {
		r, _ := Judge(&s.Pods[i], s.gone(&s.Pods[i]), around)
		records = append(records, r...)
	}
	slices.SortFunc(records, compareRecords)
	return records
}

func lines(records []Record) (out []string) {
	for i := range records {
		out = append(out, line(&records[i]))
	}
	return out
}

func line(r *Record) string {
	who := r.Pod
	if r.Container != "" {
		who += "/" + r.Container
	}
	if !r.Killed() {
		return who + " no kill: " + string(r.Reason)
	}
	return who + " " + string(r.Cause) + " " + r.Confidence.String()
}
