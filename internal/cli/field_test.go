package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/killorder/killorder/api/v1alpha1"
)

// fieldFolder has public reports as people would try them; each folder's README says what is right.
const fieldFolder = "../snapshot/testdata/field"

// fieldCases are what `rank -f INPUT --top 0` must say of each folder, and must not. Spaces count as one, so that the
// widths of columns do not matter.
var fieldCases = map[string]struct {
	says, saysNot []string
	// notes are expected on stderr.
	notes []string
}{
	"F01-unnamed-container": {
		says:    []string{"1 apps/web-0", "vmalertmanager-0 Burstable 0 25Mi 30Mi -5Mi within"},
		saysNot: []string{"UsageAboveRequest monitoring/vmalertmanager"},
	},
	"F02a-empty-answer":           {says: []string{"NODE n1", "NODE n2"}, notes: []string{"stats-summary.json"}},
	"F02b-status-answer":          {says: []string{"NODE n1", "NODE n2"}, notes: []string{"Forbidden"}},
	"F02c-nodemetrics-by-address": {says: []string{"NODE "}, notes: []string{"1 NodeMetrics of a node that is not in the snapshot", "10.0.3.17:9100"}},
	"F02d-nodemetrics-unmatched":  {says: []string{"NODE "}, notes: []string{"NodeMetrics of a node that is not in the snapshot"}},
	"F03-must-gather-two-moments": {says: []string{"NODE "}},
	"F03b-must-gather-foreign-files": {
		says: []string{"NODE "}, notes: []string{"left out"},
	},
	"F04-kinds-stripped":           {says: []string{"NODE "}},
	"F04b-troubleshoot-bundle":     {says: []string{"NODE "}},
	"F04c-support-bundle-kit":      {says: []string{"NODE "}},
	"F05-cluster-info-dump-stdout": {says: []string{"NODE "}},
	"F06-soft-threshold-crossed": {
		says: []string{
			"100Mi below the soft eviction threshold of 800Mi (grace period 300s, crossed since 2026-11-24T10:00:00Z), 200Mi to the hard one of 500Mi",
			"apps/a-0, evicted by the kubelet, 100Mi too late already",
		},
		saysNot: []string{"200Mi to go"},
	},
	"F06b-soft-below-hard": {says: []string{
		"SoftThresholdUseless the node", "The soft eviction threshold of 500Mi is not above the hard one of 3276Mi",
	}},
	"F07-fix-larger-than-node": {
		says:    []string{"No request on this node covers the 55Gi it uses: 57427Mi is left for it beside other requests."},
		saysNot: []string{"requests.memory 70400Mi", "requests.memory 68"},
	},
	"F07b-limit-larger-than-node": {
		says:    []string{"requests.memory 58784Mi", "limits.memory 59808Mi, which is all that the node can give"},
		saysNot: []string{"125Gi", "64000Mi"},
	},
	"F08-pending-resize": {
		says:    []string{"A resize to 8Gi is Deferred", "A resize to a limit of 10Gi is Deferred"},
		saysNot: []string{"896Mi", "limits.memory"},
	},
	"F09-culprit-is-the-victim": {
		says: []string{"culprit no growth known from one reading; the largest users: load/hog-0, 11.5Gi"},
	},
	"F10-windows-threshold": {says: []string{
		"383Mi to the eviction threshold of 500Mi (inferred)", "NoKubeReserved the node", "NoSystemReserved the node",
	}},
	"F10b-windows-limit": {
		says:    []string{"at the limit its allocations fail; Windows kills nobody", "LIMIT ORDER none: Windows has no OOM killer"},
		saysNot: []string{"the kernel kills", "killed by the kernel"},
	},
	"F11-k3s-assumed-threshold": {
		says:    []string{"no eviction threshold: nobody is evicted", "monitoring/prometheus-0, killed by the kernel", "k3s sets evictionHard without memory"},
		saysNot: []string{"evicted by the kubelet", "the kubelet evicts", "assumed"},
	},
	"F12-sidecar-old-kubelet": {says: []string{"1 apps/api-7d9f-x1 mesh-proxy Burstable 90Mi 999"}},
	"F13-virtual-nodes": {
		says: []string{
			"nobody: KWOK simulates the node", "nobody: Liqo runs the node's pods in another cluster", "nobody: a virtual kubelet runs its pods elsewhere",
		},
		saysNot: []string{"FINDINGS what", "the kubelet evicts", "NoMemoryEvictionThreshold", "NoKubeReserved"},
	},
	"F14-reservation-noise-ocp":  {saysNot: []string{"NoKubeReserved", "NoSystemReserved"}},
	"F14b-reservation-noise-aks": {saysNot: []string{"NoKubeReserved", "NoSystemReserved"}},
	"F15-near-limit-page-cache": {
		says:    []string{"Info LimitMostlyCache apps/db-0 db", "3174Mi is resident"},
		saysNot: []string{"NearMemoryLimit", "killed by the kernel at its own limit"},
	},
	"F16-memory-of-no-pod": {says: []string{"Warning MemoryOutsidePods the node", "page cache for the most part: only 18Gi"}},
	"F17-millibytes": {says: []string{
		`Critical MillibyteQuantity apps/milli-0 c: requests.memory is "512m"`, "512Mi is probably what was meant",
	}},
	"F18-hugepages": {says: []string{
		"HugePagesHideThreshold the node", "evictionHard memory.available 66786Mi", "apps/leak-0, killed by the kernel, 1Gi to go",
	}},
}

// inputOf is the input of a folder: the one file in it, or all of the folder.
func inputOf(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(fieldFolder, name, "input")
}

// words are a text with every run of white space as one space.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestFieldSaysWhatIsRight(t *testing.T) {
	for name, tc := range fieldCases {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", "rank", "-f", inputOf(t, name), "--top", "0")
			if got.status != exitFine {
				t.Fatalf("exit status %d: %s", got.status, got.err)
			}
			out, notes := words(got.out), words(got.err)
			for _, want := range tc.says {
				if !strings.Contains(out, words(want)) {
					t.Errorf("does not say %q:\n%s", want, got.out)
				}
			}
			for _, unwanted := range tc.saysNot {
				if strings.Contains(out, words(unwanted)) {
					t.Errorf("says %q:\n%s", unwanted, got.out)
				}
			}
			for _, want := range tc.notes {
				if !strings.Contains(notes, want) {
					t.Errorf("notes have no %q:\n%s", want, got.err)
				}
			}
		})
	}
}

// TestFieldHasACaseForEachFolder, and each case its folder.
func TestFieldHasACaseForEachFolder(t *testing.T) {
	entries, err := os.ReadDir(fieldFolder)
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]bool{}
	for _, e := range entries {
		folders[e.Name()] = true
		if _, ok := fieldCases[e.Name()]; e.IsDir() && !ok {
			t.Errorf("no case for %s", e.Name())
		}
	}
	for name := range fieldCases {
		if !folders[name] {
			t.Errorf("no folder for %s", name)
		}
	}
}

// TestFieldConditions: what the object says where the table has no word for it.
func TestFieldConditions(t *testing.T) {
	for name, tc := range map[string]struct{ kind, status, reason string }{
		"F09-culprit-is-the-victim": {v1alpha1.ConditionWrongVictim, "Unknown", v1alpha1.ReasonNoCulprit},
	} {
		got := run(t, "", "rank", "-f", inputOf(t, name), "-o", "json")
		var l list
		if err := json.Unmarshal([]byte(got.out), &l); err != nil {
			t.Fatal(err)
		}
		found := false
		for _, c := range l.Items[0].Status.Conditions {
			if c.Type == tc.kind {
				found = string(c.Status) == tc.status && c.Reason == tc.reason
			}
		}
		if !found {
			t.Errorf("%s: conditions %+v; want %s %s %s", name, l.Items[0].Status.Conditions, tc.kind, tc.status, tc.reason)
		}
	}
}
