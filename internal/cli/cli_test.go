package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/internal/cli/table"
)

var update = flag.Bool("update", false, "write the golden files")

// result of a command line.
type result struct {
	status   int
	out, err string
}

func run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	status := Run(t.Context(), args, Streams{In: strings.NewReader(stdin), Out: &out, Err: &err})
	return result{status, out.String(), err.String()}
}

func TestGolden(t *testing.T) {
	const (
		story    = "testdata/story.yaml"
		traits   = "testdata/traits.yaml"
		evidence = "../snapshot/testdata/evidence"
	)
	for name, args := range map[string][]string{
		"story":        {"-f", story},
		"story-wide":   {"-f", story, "-o", "wide", "worker-1"},
		"story-top":    {"-f", story, "--top", "2", "worker-3", "worker-2"},
		"traits":       {"-f", traits},
		"evidence":     {"-f", evidence},
		"evidence-all": {"-f", evidence, "-o", "wide", "--top", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", append([]string{"rank"}, args...)...)
			if got.status != exitFine {
				t.Fatalf("exit status %d: %s", got.status, got.err)
			}
			golden(t, filepath.Join("testdata", name+".golden"), got.out+got.err)
			if strings.Contains(got.out, "\x1b") {
				t.Error("colour, though this is no terminal")
			}
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("differs from %s (-want +got); -update rewrites it:\n%s", path, diff)
	}
}

// TestStory: who dies depends on what data-pipeline requests, as the docs tell it.
func TestStory(t *testing.T) {
	got := run(t, "", "rank", "-f", "testdata/story.yaml", "-o", "json")
	var l list
	if err := json.Unmarshal([]byte(got.out), &l); err != nil {
		t.Fatal(err)
	}
	want := []string{"data/data-pipeline", "shop/payments-api", "shop/payments-api"}
	var first []string
	for i := range l.Items {
		first = append(first, l.Items[i].Status.Summary.FirstOOMKilled)
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("first OOM victims (-want +got):\n%s", diff)
	}
}

func TestYAMLIsTheSameAsJSON(t *testing.T) {
	asJSON := run(t, "", "rank", "-f", "testdata/traits.yaml", "-o", "json", "--top", "0")
	asYAML := run(t, "", "rank", "-f", "testdata/traits.yaml", "-o", "yaml", "--top", "0")
	converted, err := yaml.YAMLToJSON([]byte(asYAML.out))
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON, fromYAML any
	if err := json.Unmarshal([]byte(asJSON.out), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(converted, &fromYAML); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromJSON, fromYAML); diff != "" {
		t.Errorf("-json +yaml:\n%s", diff)
	}
	if head := asJSON.out[:40]; !strings.Contains(head, `"List"`) {
		t.Errorf("not a List: %s", head)
	}
}

func TestExitStatus(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	const story = "testdata/story.yaml"
	for name, tc := range map[string]struct {
		stdin string
		args  []string
		want  result
	}{
		"unknown flag": {
			args: []string{"rank", "--colour"},
			want: result{status: exitUsage, err: "error: unknown flag: --colour\nSee 'kubectl killorder rank --help' for usage.\n"},
		},
		"unknown command": {
			args: []string{"rnak"},
			want: result{status: exitUsage, err: "error: unknown command \"rnak\" for \"kubectl killorder\": did you mean rank?\n" +
				"See 'kubectl killorder --help' for usage.\n"},
		},
		"unknown format": {
			args: []string{"rank", "-f", story, "-o", "xml"},
			want: result{status: exitUsage, err: "error: invalid value \"xml\" for --output, must be one of table, wide, json, yaml\n" +
				"See 'kubectl killorder rank --help' for usage.\n"},
		},
		"negative top": {
			args: []string{"rank", "-f", story, "--top", "-1"},
			want: result{status: exitUsage, err: "error: invalid value -1 for --top, must be 0 (all) or more\n" +
				"See 'kubectl killorder rank --help' for usage.\n"},
		},
		"top that is no number": {
			args: []string{"rank", "-f", story, "--top", "few"},
			want: result{status: exitUsage, err: "error: invalid argument \"few\" for \"--top\" flag: strconv.ParseInt: parsing \"few\": invalid syntax\n" +
				"See 'kubectl killorder rank --help' for usage.\n"},
		},
		"standard input twice": {
			args: []string{"rank", "-f", "-", "-f", "-"},
			want: result{status: exitUsage, err: "error: standard input can be read only once: --filename - given 2 times\n" +
				"See 'kubectl killorder rank --help' for usage.\n"},
		},
		"arguments to version": {
			args: []string{"version", "please"},
			want: result{status: exitUsage, err: "error: unknown command \"please\" for \"kubectl killorder version\"\n" +
				"See 'kubectl killorder version --help' for usage.\n"},
		},
		"unreadable snapshot": {
			args: []string{"rank", "-f", "gone.yaml"},
			want: result{status: exitUnreadable, err: "error: gone.yaml: no such file or directory\n"},
		},
		"bad object on standard input": {
			stdin: `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop"},"spec":{"containers":[{"name":"app","resources":{"requests":{"cpu":{}}}}]}}`,
			args:  []string{"rank", "-f", "-"},
			want: result{status: exitUnreadable, err: "error: standard input: Pod shop/web: " +
				"spec.containers[0].resources.requests.cpu: {} is not a quantity such as 200Mi\n"},
		},
		"unknown node": {
			args: []string{"rank", "-f", story, "worker-1", "worker-9"},
			want: result{status: exitUnreadable, err: "error: node \"worker-9\" not found among the 3 nodes of the snapshot: did you mean worker-1, worker-2, worker-3?\n"},
		},
		"no kubeconfig": {
			args: []string{"rank", "--kubeconfig", "testdata/gone"},
			want: result{status: exitUnreadable, err: "error: kubeconfig: stat testdata/gone: no such file or directory\n"},
		},
		"no cluster": {
			args: []string{"rank", "--server", "http://127.0.0.1:1"},
			want: result{status: exitUnreadable, err: "error: nodes: Get \"http://127.0.0.1:1/api/v1/nodes?limit=500\": " +
				"dial tcp 127.0.0.1:1: connect: connection refused\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, run(t, tc.stdin, tc.args...), cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWithoutAnyReading(t *testing.T) {
	const node = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"worker-1"},"status":{"capacity":{"memory":"16Gi"}}}`
	for _, format := range formats {
		if got := run(t, node, "rank", "-f", "-", "-o", format); got.status != exitFine || got.out == "" || got.err != "" {
			t.Errorf("-o %s: exit status %d, %q", format, got.status, got.err)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"rank", "--help"}, {"version", "-o", "json"}, {"version"}} {
		got := run(t, "", args...)
		if got.status != exitFine || got.out == "" || got.err != "" {
			t.Errorf("%v: exit status %d, %d bytes of output, error %q", args, got.status, len(got.out), got.err)
		}
	}
	if got := run(t, "", "rank", "--help"); !strings.Contains(got.out, "kubectl killorder rank worker-1") {
		t.Error("rank --help has no examples")
	}
}

// TestWidth: tables fit 100 columns with names of ordinary and of great length.
func TestWidth(t *testing.T) {
	for _, file := range []string{"testdata/story.yaml", "testdata/traits.yaml", "../snapshot/testdata/evidence"} {
		for line := range strings.Lines(run(t, "", "rank", "-f", file).out) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > table.DefaultWidth {
				t.Errorf("%s: %d columns: %s", file, n, line)
			}
		}
	}
}

// TestHostile: what tenants write reaches no terminal as they wrote it, in whatever format.
func TestHostile(t *testing.T) {
	const input = "testdata/hostile.json"
	for _, format := range formats {
		got := run(t, "", "rank", "-f", input, "-o", format)
		if got.status != exitFine {
			t.Errorf("-o %s: exit status %d: %s", format, got.status, got.err)
		}
		for _, r := range got.out + got.err {
			if r != '\n' && !strconv.IsPrint(r) {
				t.Errorf("-o %s shows %U", format, r)
			}
		}
	}
}
