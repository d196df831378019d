package cli

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/cli/kinds"
)

func TestWhatIfGolden(t *testing.T) {
	goldens(t, map[string][]string{
		"whatif-requests": {"whatif", "deployment/payments-api", "-n", "shop", "--requests", "memory=480Mi", "-f", storyFile},
		"whatif-evidence": {"whatif", "pod/payments-api", "--requests", "memory=256Mi", "--pressure", "21Gi", "-f", "../snapshot/testdata/evidence"},
		"whatif-usage":    {"whatif", "--usage", "cart-7b6d9c5d8-9x8v2=2Gi", "--pressure", "1Gi", "-f", storyFile},
		"whatif-priority": {"whatif", "data/data-pipeline", "--priority-class", "business-critical", "-f", storyFile},
	})
}

func TestWhatIfForPrograms(t *testing.T) {
	var w kinds.WhatIf
	out := run(t, "", "whatif", "pod/payments-api-5d8f7c9b64-x2k72", "--requests", "memory=256Mi", "-f", storyFile, "-o", "json").out
	if err := json.Unmarshal([]byte(out), &w); err != nil {
		t.Fatal(err)
	}
	want := []kinds.PodMove{{
		Node: "worker-2", Namespace: "shop", Pod: "payments-api-5d8f7c9b64-x2k72", Critical: true, Fits: true,
		EvictionRank: kinds.Move[int]{Before: 1, After: 3}, OOMRank: kinds.Move[int]{Before: 1, After: 4},
		QOSClass: kinds.Move[string]{Before: "BestEffort", After: "Burstable"},
	}}
	if diff := cmp.Diff(want, w.Pods); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"shop/payments-api requests.memory 0 -> 256Mi"}, w.Changes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestWhatIfOfPodLevelResources: where a pod has memory resources of its own, they are set, by a command that sets them.
func TestWhatIfOfPodLevelResources(t *testing.T) {
	const cluster = `{"apiVersion": "v1", "kind": "List", "items": [
	  {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"capacity": {"memory": "16Gi"}}},
	  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db-0", "namespace": "data", "ownerReferences":
	    [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "x", "controller": true}]},
	   "spec": {"nodeName": "n", "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}, "containers": [{"name": "app"}, {"name": "log"}]},
	   "status": {"phase": "Running"}}]}`
	for name, tc := range map[string]struct {
		args    []string
		changes []string
		command string
	}{
		"in all": {
			args:    []string{"--requests", "memory=1536Mi", "--limits", "memory=3Gi"},
			changes: []string{"data/db pod requests.memory 1Gi -> 1536Mi", "data/db pod limits.memory 2Gi -> 3Gi"},
			command: `kubectl patch statefulset db -n data -p '{"spec":{"template":{"spec":{"resources":{"requests":{"memory":"1536Mi"},"limits":{"memory":"3Gi"}}}}}}'`,
		},
		"of a container": {
			args: []string{"-c", "log", "--requests", "memory=256Mi"}, changes: []string{"data/db log requests.memory 0 -> 256Mi"},
			command: "kubectl set resources statefulset db -n data -c log --requests=memory=256Mi",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var w kinds.WhatIf
			got := run(t, cluster, append([]string{"whatif", "statefulset/db", "-f", "-", "-o", "json"}, tc.args...)...)
			if err := json.Unmarshal([]byte(got.out), &w); err != nil {
				t.Fatalf("%v: %s", err, got.err)
			}
			if diff := cmp.Diff([]any{tc.changes, tc.command}, []any{w.Changes, w.Command}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWhatIfRefuses(t *testing.T) {
	const see = "See 'kubectl killorder whatif --help' for usage.\n"
	for name, tc := range map[string]struct {
		args []string
		want result
	}{
		"nothing to change": {
			args: []string{"cart"},
			want: result{exitUsage, "", "error: say what to change: --requests, --limits, --priority-class, --priority, --usage or --pressure\n" + see},
		},
		"nobody to change": {
			args: []string{"--requests", "memory=1Gi"},
			want: result{exitUsage, "", "error: name the pods or workloads that the change is of\n" + see},
		},
		"no amount": {
			args: []string{"cart", "--requests", "memory=much"},
			want: result{exitUsage, "", "error: invalid amount \"much\" for --requests: quantities must match the regular expression " +
				"'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'\n" + see},
		},
		"an endless amount": {
			args: []string{"cart", "--pressure", "1e99999999"},
			want: result{exitUsage, "", "error: invalid amount \"1e99999999\" for --pressure: not an amount of anything: " +
				"at most 64 characters and an exponent of three digits are read\n" + see},
		},
		"less than nothing": {
			args: []string{"cart", "--limits", "memory=-1"},
			want: result{exitUsage, "", "error: invalid amount \"-1\" for --limits, must be 0 or more\n" + see},
		},
		"CPU": {
			args: []string{"cart", "--requests", "cpu=1"},
			want: result{exitUsage, "", "error: invalid value \"cpu=1\" for --requests, must be memory=QUANTITY: only memory decides who dies\n" + see},
		},
		"a request above the limit": {
			args: []string{"pod/cart-7b6d9c5d8-9x8v2", "--requests", "memory=1Gi"},
			want: result{exitUnreadable, "", "error: pod shop/cart-7b6d9c5d8-9x8v2: the API server would refuse this: " +
				"container app requests 1Gi, more than its limit of 512Mi\n"},
		},
		"an unknown PriorityClass": {
			args: []string{"cart", "--priority-class", "business-criticl"},
			want: result{exitUnreadable, "", "error: no pod of the snapshot is of PriorityClass \"business-criticl\", so its value is unknown: " +
				"give --priority; did you mean business-critical?\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", append([]string{"whatif", "-f", storyFile}, tc.args...)...)
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
