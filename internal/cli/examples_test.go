package cli

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/internal/clusterread/clustertest"
)

// exampleLine is a command line of a help text or a document that calls the plugin.
type exampleLine struct {
	args []string
	// piped: another command's output is standard input.
	piped bool
}

// exampleLines are those of a text. What reads the plugin's output is left out.
func exampleLines(text string) (lines []exampleLine) {
	for line := range strings.Lines(strings.ReplaceAll(text, "|\n", "| ")) {
		for i, command := range strings.Split(line, "|") {
			command, _, _ = strings.Cut(command, " > ")
			if inner, ok := strings.CutPrefix(strings.TrimSpace(command), "source <("); ok {
				command = strings.TrimSuffix(inner, ")")
			}
			command = strings.Replace(strings.TrimSpace(command), "kubectl-killorder ", "kubectl killorder ", 1)
			if args, ok := strings.CutPrefix(command, "kubectl killorder "); ok {
				lines = append(lines, exampleLine{args: strings.Fields(args), piped: i > 0})
			}
		}
	}
	return lines
}

// storyCluster is the story as a cluster.
func storyCluster(t *testing.T, documents []string) *clustertest.Server {
	t.Helper()
	var nodes corev1.NodeList
	var pods corev1.PodList
	for text, into := range map[string]any{documents[0]: &nodes, documents[1]: &pods} {
		if err := yaml.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	s := &clustertest.Server{Metrics: true, Classes: []schedulingv1.PriorityClass{
		{ObjectMeta: metav1.ObjectMeta{Name: "business-critical"}, Value: 100000},
	}}
	for i := range nodes.Items {
		s.Nodes = append(s.Nodes, nodes.Items[i].Name)
	}
	for i := range pods.Items {
		s.Pods = append(s.Pods, &pods.Items[i])
	}
	return s
}

// exampleFiles are the files that examples name, in a folder that becomes the current one.
func exampleFiles(t *testing.T, story []byte, documents []string) {
	t.Helper()
	var asJSON [4]string
	for i, d := range documents {
		raw, err := yaml.YAMLToJSON([]byte(d))
		if err != nil {
			t.Fatal(err)
		}
		asJSON[i] = string(raw) + "\n"
	}
	changed, err := os.ReadFile("testdata/changed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for path, content := range map[string]string{
		"objects.json": asJSON[0] + asJSON[1], "pod-metrics.json": asJSON[2], "node-metrics.json": asJSON[3],
		"snapshot/story.yaml": string(story), "must-gather/story.yaml": string(story), "examples/story/story.yaml": string(story),
		"manifests/changed.yaml": string(changed), "changed.yaml": string(changed),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// withDeath lets a container of the story have died of its memory limit before, for what diagnose's examples ask.
func withDeath(t *testing.T, story []byte) []byte {
	t.Helper()
	lines := strings.Split(string(story), "\n")
	of := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "name: payments-api-5d8f7c9b64-x2k72, uid") })
	if of < 0 {
		t.Fatal("the story has no payments-api-5d8f7c9b64-x2k72")
	}
	const alive = "{name: app, state:"
	const died = `{name: app, restartCount: 1, lastState: {terminated: {exitCode: 137, reason: OOMKilled, containerID: "containerd://1",
    startedAt: "2026-11-24T04:00:00Z", finishedAt: "2026-11-24T04:59:50Z"}}, state:`
	status := lines[of+2]
	if lines[of+2] = strings.Replace(status, alive, died, 1); lines[of+2] == status {
		t.Fatalf("no %q in %q", alive, status)
	}
	return []byte(strings.Join(lines, "\n"))
}

// TestExamplesRun: the examples of all help texts, and those of docs/plugin.md, run as they are written: those with -f on the
// files that they name, the others on the story as a live cluster.
func TestExamplesRun(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	story, err := os.ReadFile(storyFile)
	if err != nil {
		t.Fatal(err)
	}
	guide := documented(t, "../../docs/plugin.md")
	story = withDeath(t, story)
	documents := strings.Split(string(story), "\n---\n")
	exampleFiles(t, story, documents)
	server := httptest.NewServer(storyCluster(t, documents))
	defer server.Close()
	ran := map[string]int{}
	for _, c := range commands(t) {
		for _, line := range exampleLines(c.Example) {
			ran[line.args[0]]++
			runExample(t, line, server.URL)
		}
	}
	for _, want := range []string{"rank", "explain", "whatif", "simulate", "diagnose", "audit", "report", "snapshot", "completion"} {
		if ran[want] == 0 {
			t.Errorf("no example of %s ran, only %v", want, slices.Sorted(maps.Keys(ran)))
		}
	}
	if len(guide) < 5 {
		t.Errorf("%d command lines in docs/plugin.md: too few to be all", len(guide))
	}
	for _, line := range guide {
		runExample(t, line, server.URL)
	}
}

func runExample(t *testing.T, line exampleLine, server string) {
	t.Helper()
	args := slices.DeleteFunc(slices.Clone(line.args), func(a string) bool { return a == "--watch" })
	stdin := ""
	if line.piped {
		manifests, err := os.ReadFile("changed.yaml")
		if err != nil {
			t.Fatal(err)
		}
		stdin = string(manifests)
	}
	// Only whatif of manifests reads both: the manifests and the cluster.
	if !slices.Contains(args, "-f") || args[0] == "whatif" && len(args) == 3 {
		args = append(args, "--server", server)
	}
	got := run(t, stdin, args...)
	answered := got.out != "" || strings.Contains(got.err, "note: none of") || slices.Contains(args, "-o")
	if asked := slices.Contains(args, "--fail-on"); !answered || got.status != exitFine && (!asked || got.status != exitFailOn) {
		t.Errorf("%s: exit status %d: %s", strings.Join(line.args, " "), got.status, got.err)
	}
}

// fenced are the code blocks of a document in Markdown, by language.
var fenced = regexp.MustCompile("(?s)```(sh|yaml)\n(.*?)```")

// documented are the command lines of a document: those of shell blocks, and those inside YAML, such as a GitHub workflow and
// a k9s plugin, whose placeholders get the values of a pod of the story. Each block of YAML must parse.
func documented(t *testing.T, path string) (lines []exampleLine) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	place := strings.NewReplacer("$NAMESPACE", "shop", "$NAME", "payments-api-5d8f7c9b64-x2k72", " --context $CONTEXT", "")
	for _, block := range fenced.FindAllStringSubmatch(string(raw), -1) {
		if block[1] == "sh" {
			lines = append(lines, exampleLines(block[2])...)
			continue
		}
		var v any
		if err := yaml.UnmarshalStrict([]byte(block[2]), &v); err != nil {
			t.Errorf("%s: %v in\n%s", path, err, block[2])
		}
		for _, text := range textsIn(v) {
			lines = append(lines, exampleLines(place.Replace(text))...)
		}
	}
	return slices.DeleteFunc(lines, func(l exampleLine) bool { return l.args[0] == "__complete" })
}

// textsIn a value of YAML.
func textsIn(v any) (texts []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			texts = append(texts, textsIn(e)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			texts = append(texts, textsIn(v[key])...)
		}
	default:
		return []string{fmt.Sprint(v)}
	}
	return texts
}
