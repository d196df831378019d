package cli

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/clusterread/clustertest"
)

// commands are all that people see, in the order of their names.
func commands(t *testing.T) []*cobra.Command {
	t.Helper()
	root := newRoot(&env{Streams: Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, kube: newKubeconfig()})
	return slices.DeleteFunc(slices.Clone(root.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() })
}

// TestReference: docs/plugin-reference.md says what --help says; -update writes it.
func TestReference(t *testing.T) {
	var doc strings.Builder
	doc.WriteString("# kubectl killorder: reference\n\nWritten by `go test ./internal/cli -run TestReference -update` from what `--help` prints.\n")
	for _, c := range commands(t) {
		fmt.Fprintf(&doc, "\n## %s\n\n%s\n\n```\nkubectl killorder %s\n```\n", c.Name(), c.Long, c.Use)
		if c.Long == "" {
			t.Logf("%s has no long text", c.Name())
		}
		if c.HasExample() {
			fmt.Fprintf(&doc, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n"))
		}
		if flags := c.LocalNonPersistentFlags().FlagUsages(); flags != "" {
			fmt.Fprintf(&doc, "\n```\n%s```\n", flags)
		}
	}
	root := commands(t)[0].Root()
	fmt.Fprintf(&doc, "\n## Flags everywhere\n\n```\n%s```\n", strings.ReplaceAll(root.PersistentFlags().FlagUsages(), os.Getenv("HOME"), "$HOME"))
	golden(t, "../../docs/plugin-reference.md", doc.String())
}

func TestCompletion(t *testing.T) {
	for _, shell := range shells {
		if got := run(t, "", "completion", shell); got.status != exitFine || !strings.Contains(got.out, "killorder") {
			t.Errorf("%s: exit status %d, %d bytes, %s", shell, got.status, len(got.out), got.err)
		}
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	web := clustertest.PodOn("worker-1", "web-7f9c6-abcde", "")
	web.Labels = map[string]string{"pod-template-hash": "7f9c6"}
	server := httptest.NewServer(&clustertest.Server{Nodes: []string{"worker-1", "worker-2"}, Pods: []*corev1.Pod{web}, Deployments: []string{"idle"}})
	defer server.Close()
	for line, want := range map[string]string{
		"rank w":                "worker-1\nworker-2\n:4\n",
		"rank worker-1 ":        "worker-2\n:4\n",
		"simulate worker-1 ":    ":4\n",
		"explain -n shop web":   "web-7f9c6-abcde\n:4\n",
		"explain -n shop pod/w": "pod/web-7f9c6-abcde\n:4\n",
		"explain -n shop dep":   "deployment/idle\n:4\n",
	} {
		words := strings.Split(line, " ")
		args := slices.Concat([]string{"__complete", words[0], "--server", server.URL}, words[1:])
		if got := run(t, "", args...); got.out != want {
			t.Errorf("%q completes to %q, want %q (%s)", line, got.out, want, got.err)
		}
	}
}
