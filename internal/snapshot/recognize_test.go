package snapshot_test

import "testing"

// TestRecognized: what cannot serve is refused with what would.
func TestRecognized(t *testing.T) {
	const (
		objects = "kubectl get nodes,pods -A -o json"
		metrics = "kubectl get --raw /apis/metrics.k8s.io/v1beta1/pods, and .../nodes"
		top     = "x: is the table of kubectl top, which is rounded and has no times: what serves is " + metrics
		table   = "x: is a table of kubectl get, which leaves out what the orders rest on: what serves is " + objects
	)
	for name, tc := range map[string]struct{ content, want string }{
		"kubectl top pods":              {"NAMESPACE   NAME    CPU(cores)   MEMORY(bytes)   \nshop        web     12m          34Mi            \n", top},
		"kubectl top pods --containers": {"POD    NAME    CPU(cores)   MEMORY(bytes)\nweb    app     12m          34Mi\n", top},
		"kubectl top nodes":             {"NAME       CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)   \nworker-1   212m         5%       1834Mi          11%\n", top},
		"kubectl top pods --no-headers": {"shop   web   12m   34Mi   \n", top},
		"kubectl top nodes, no header":  {"worker-1   212m   5%   1834Mi   11%   \n", top},
		"kubectl describe pod": {
			"Name:             web-0\nNamespace:        shop\nPriority:         0\n",
			"x: is the text of kubectl describe, which leaves out what the orders rest on: what serves is " + objects,
		},
		"kubectl describe node": {
			"Name:               worker-1\nRoles:              <none>\n",
			"x: is the text of kubectl describe, which leaves out what the orders rest on: what serves is " + objects,
		},
		"kubectl get pods":    {"NAME    READY   STATUS    RESTARTS   AGE\nweb     1/1     Running   0          3d\n", table},
		"kubectl get pods -A": {"NAMESPACE     NAME    READY   STATUS\nshop  web   1/1   Running\n", table},
		"kubectl get nodes":   {"NAME       STATUS   ROLES    AGE   VERSION\nworker-1   Ready    <none>   3d    v1.37.2\n", table},
		"names": {
			"pod/web-0\npod/web-1\n",
			"x: is a list of names only, as of kubectl get -o name: what serves is " + objects,
		},
		"an error": {
			"Error from server (Forbidden): nodes is forbidden\n",
			`x: holds an error of kubectl in place of objects ("Error from server (Forbidden): nodes is forbidden"): ` +
				"what serves is the same command once it succeeds",
		},
		"nothing found": {
			"No resources found in shop namespace.\n",
			`x: holds no objects ("No resources found in shop namespace."): what serves is ` + objects,
		},
		"a warning before the objects": {
			"Warning: v1 ComponentStatus is deprecated in v1.19+\n" + jsonNode,
			`x: begins with a message of kubectl that is not part of the objects ("Warning: v1 ComponentStatus is deprecated in v1.19+"): ` +
				"what serves is the same command without 2>&1, or the file without that line",
		},
		"a web page": {
			"<!DOCTYPE html>\n<html>",
			"x: is a web page, such as a proxy's or a login's, in place of an answer: what serves is " + objects,
		},
		"logs": {
			"==== START logs for container app of pod shop/web ====\nhello\n",
			"x: holds logs: what serves is " + objects,
		},
		"an image": {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "x: is not text"},
		"an API server's error": {
			`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"the server is currently unable","reason":"ServiceUnavailable"}`,
			"x: is an error answer (ServiceUnavailable: the server is currently unable), not what was asked for",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(folder(t, map[string]string{"x": tc.content}))
			if _, err := readAll(t, "", "x"); err == nil || err.Error() != tc.want {
				t.Errorf("error\n%v\nwant\n%s", err, tc.want)
			}
		})
	}
}

// TestMessagesBeforeObjects: in a folder, the objects behind kubectl's messages are read.
func TestMessagesBeforeObjects(t *testing.T) {
	t.Chdir(folder(t, map[string]string{
		"n.json": "W1124 10:00:00.123456   17 warnings.go:70] old API\n\nWarning: older API\n" + jsonNode, "p.json": goodPod,
	}))
	s, err := readAll(t, "", ".")
	if err != nil {
		t.Fatal(err)
	}
	want := "2 lines before the objects skipped (first: n.json: W1124 10:00:00.123456   17 warnings.go:70] old API)"
	if len(s.Nodes) != 1 || len(s.Notes) != 1 || s.Notes[0] != want {
		t.Errorf("%d nodes, notes %q", len(s.Nodes), s.Notes)
	}
}

// TestClusterInfoDump: what kubectl cluster-info dump prints, as JSON and as YAML, with logs in between.
func TestClusterInfoDump(t *testing.T) {
	logs := "==== START logs for container app of pod shop/web ====\n{\"kind\": \"Node\", not JSON\n---\n" +
		"the last line does not end==== END logs for container app of pod shop/web ====\n"
	for name, content := range map[string]string{
		"JSON": jsonNode + "\n" + logs + logs + goodPod + "\n" + logs,
		"YAML": "---\n" + goodNode + "\n" + logs + "---\n" + goodPod + "\n" + logs,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := readAll(t, content, "-")
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Nodes) != 1 || len(s.PodsOf("worker-1")) != 1 {
				t.Errorf("%d nodes, pods %v, want one of each", len(s.Nodes), s.PodsOf("worker-1"))
			}
			if len(s.Notes) != 1 {
				t.Errorf("notes %q", s.Notes)
			}
		})
	}
	_, err := readAll(t, jsonNode+"\n"+logs+"\noops\n", "-")
	if want := `standard input: is not JSON: line 7: "oops" follows`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
