package cli

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/killorder/killorder/internal/cli/kinds"
)

const manifests = "testdata/manifests.yaml"

func TestAuditOfClustersGolden(t *testing.T) {
	goldens(t, map[string][]string{
		"audit-story":    {"audit", "-f", storyFile},
		"audit-evidence": {"audit", "-f", "../snapshot/testdata/evidence"},
	})
}

func TestAuditGolden(t *testing.T) {
	for name, args := range map[string][]string{
		"audit-manifests": {"-f", manifests},
		"audit-github":    {"-f", manifests, "-o", "github"},
		"audit-junit":     {"-f", manifests, "-o", "junit"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", append([]string{"audit"}, args...)...)
			if got.status != exitFine {
				t.Fatalf("exit status %d: %s", got.status, got.err)
			}
			golden(t, filepath.Join("testdata", name+".golden"), got.out+got.err)
		})
	}
}

// Exit statuses are what a pipeline goes by.
func TestAuditFailOn(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want int
	}{
		"no limit set":                     {nil, exitFine},
		"a critical one":                   {[]string{"--fail-on", "critical"}, exitFailOn},
		"a warning":                        {[]string{"--fail-on", "warning", "--rule", "AlmostGuaranteed"}, exitFailOn},
		"nothing as bad":                   {[]string{"--fail-on", "critical", "--rule", "AlmostGuaranteed"}, exitFine},
		"what is not listed does not fail": {[]string{"--fail-on", "info", "--min-severity", "critical", "--rule", "AlmostGuaranteed"}, exitFine},
		"no such rule":                     {[]string{"--rule", "NoSuchRule"}, exitUsage},
		"no such severity":                 {[]string{"--fail-on", "bad"}, exitUsage},
		"no such version":                  {[]string{"--kubernetes-version", "2.0"}, exitUsage},
		"no such format":                   {[]string{"-o", "pdf"}, exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			if got := run(t, "", append([]string{"audit", "-f", manifests}, tc.args...)...); got.status != tc.want {
				t.Errorf("exit status %d, want %d: %s", got.status, tc.want, got.err)
			}
		})
	}
	if got := run(t, "kind: [", "audit", "-f", "-"); got.status != exitUnreadable || !strings.Contains(got.err, "standard input") {
		t.Errorf("exit status %d: %s", got.status, got.err)
	}
}

// The class of a pod with empty pod-level resources depends on the version.
func TestAuditKubernetesVersion(t *testing.T) {
	const pod = "kind: Pod\nmetadata: {name: x, namespace: shop}\nspec: {resources: {}, containers: [{name: a, resources: {requests: {memory: 1Gi}}}]}"
	for version, want := range map[string]bool{"1.36": true, "v1.36.2": true, "1.37": false, "": false} {
		got := run(t, pod, "audit", "-f", "-", "--rule", "BestEffortPod", "--kubernetes-version", version, "-o", "json")
		if found := strings.Contains(got.out, `"rule": "BestEffortPod"`); found != want || got.status != exitFine {
			t.Errorf("%q: BestEffort %t, want %t (%s)", version, found, want, got.err)
		}
	}
}

func TestAuditSARIF(t *testing.T) {
	got := run(t, "", "audit", "-f", manifests, "-o", "sarif")
	report, err := sarif.FromString(got.out)
	if err != nil {
		t.Fatal(err)
	}
	results := report.Runs[0].Results
	fingerprints := map[string]bool{}
	for _, r := range results {
		location := r.Locations[0].PhysicalLocation
		if uri := *location.ArtifactLocation.URI; uri != manifests || *location.Region.StartLine < 1 {
			t.Errorf("%s at %s:%d", *r.RuleID, uri, *location.Region.StartLine)
		}
		fingerprints[r.PartialFingerprints["killorder/v1"]] = true
	}
	if len(results) < 4 || len(fingerprints) != len(results) {
		t.Errorf("%d results, %d fingerprints", len(results), len(fingerprints))
	}
	moved := filepath.Join(t.TempDir(), "moved.yaml")
	text, err := os.ReadFile(manifests)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(moved, append([]byte("# a line more\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	again := run(t, "", "audit", "-f", moved, "-o", "sarif")
	if strings.ReplaceAll(again.out, "startLine", "") == strings.ReplaceAll(got.out, "startLine", "") {
		t.Error("the lines did not move")
	}
}

func TestAuditJUnitIsXML(t *testing.T) {
	got := run(t, "", "audit", "-f", manifests, "-o", "junit")
	var suites struct {
		Suites []struct {
			Failures int `xml:"failures,attr"`
			Cases    []struct {
				Failure struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(got.out), &suites); err != nil || suites.Suites[0].Failures != len(suites.Suites[0].Cases) {
		t.Errorf("%v: %+v", err, suites)
	}
}

// A snapshot is known by its Nodes, and audited as the cluster is; workloads with replicas on several nodes count once.
func TestAuditSnapshot(t *testing.T) {
	got := run(t, "", "audit", "-f", "testdata/story.yaml", "-o", "json")
	var r kinds.AuditReport
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatal(err, got.err)
	}
	seen := map[string]int{}
	for _, f := range r.Items {
		if f.Node == "" || f.File != "" || f.Message == "" {
			t.Errorf("%+v", f)
		}
		if f.Rule == "CriticalNotGuaranteed" && f.Object.Name == "payments-api" {
			seen[f.Namespace]++
			if f.Nodes < 2 {
				t.Errorf("on %d nodes", f.Nodes)
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"shop": 1}, seen); diff != "" {
		t.Error(diff)
	}
}

// Our own manifests pass our own audit.
func TestAuditOfOurOwnManifests(t *testing.T) {
	if got := run(t, "", "audit", "-f", "../../config/manager", "--fail-on", "warning"); got.status != exitFine {
		t.Errorf("exit status %d: %s%s", got.status, got.out, got.err)
	}
}

// TestAuditIgnoringEnds: in a manifest too, the wish not to see a finding ends with its day, and the finding says so.
func TestAuditIgnoringEnds(t *testing.T) {
	const pod = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "annotations": {"ignore.killorder.io/BestEffortPod": %q}},
	  "spec": {"containers": [{"name": "app"}]}}`
	for value, want := range map[string]string{
		"until 2020-01-31: moves": "Ignored until 2020-01-31, which is over. BestEffort",
		"until 2999-12-31: moves": "",
		"moves":                   "",
	} {
		got := run(t, fmt.Sprintf(pod, value), "audit", "-f", "-", "--rule", "BestEffortPod", "-o", "json")
		var r kinds.AuditReport
		if err := json.Unmarshal([]byte(got.out), &r); err != nil {
			t.Fatalf("%v: %s", err, got.err)
		}
		if listed := len(r.Items) == 1; listed != (want != "") || listed && !strings.HasPrefix(r.Items[0].Message, want) || r.Summary["ignored"] != 1-len(r.Items) {
			t.Errorf("%q: %s", value, got.out)
		}
	}
}

// TestAuditIgnored: an ignored finding of a cluster is counted, and listed with its reason on demand only.
func TestAuditIgnored(t *testing.T) {
	const cluster = `{"apiVersion": "v1", "kind": "List", "items": [
	  {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"capacity": {"memory": "16Gi"}}},
	  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "annotations": {"ignore.killorder.io/BestEffortPod": "moves"}},
	   "spec": {"nodeName": "n", "containers": [{"name": "app"}]}, "status": {"phase": "Running"}}]}`
	if got := run(t, cluster, "audit", "-f", "-", "--rule", "BestEffortPod"); got.out != "0 critical, 0 warnings, 0 infos, 1 ignored\n" {
		t.Errorf("%s%s", got.out, got.err)
	}
	if got := run(t, cluster, "audit", "-f", "-", "--rule", "BestEffortPod", "--show-ignored"); !strings.Contains(got.out, "ignored: moves") {
		t.Errorf("no reason: %s%s", got.out, got.err)
	}
	if got := run(t, cluster, "audit", "-f", "-", "--rule", "BestEffortPod", "--fail-on", "info"); got.status != exitFine {
		t.Errorf("exit status %d for an ignored finding", got.status)
	}
}
