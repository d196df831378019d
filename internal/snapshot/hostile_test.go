package snapshot_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/snapshot"
)

// TestRegularFilesOnly: in a folder, pipes block nobody, and links lead nowhere.
func TestRegularFilesOnly(t *testing.T) {
	t.Chdir(folder(t, map[string]string{"n.json": jsonNode}))
	if err := syscall.Mkfifo("fifo.json", 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"zero.json": "/dev/zero", "loop.json": "loop.json", "node.json": "n.json"} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	s, err := readAll(t, "", ".")
	if err != nil {
		t.Fatal(err)
	}
	wantNotes := []string{"4 files left out that are not regular ones (first: fifo.json, a pipe)"}
	if diff := cmp.Diff(wantNotes, s.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// TestLinkToFolder: a folder that is named may be a link.
func TestLinkToFolder(t *testing.T) {
	t.Chdir(folder(t, map[string]string{"dump/n.json": jsonNode}))
	if err := os.Symlink("dump", "link"); err != nil {
		t.Fatal(err)
	}
	s, err := readAll(t, "", "link")
	if err != nil || len(s.Nodes) != 1 || len(s.Notes) > 0 {
		t.Errorf("%v, error %v", s, err)
	}
}

func TestNamedPaths(t *testing.T) {
	t.Chdir(folder(t, map[string]string{"n.json": jsonNode}))
	if err := os.Symlink("/dev/zero", "zero.json"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"zero.json": "zero.json: is a device, not a file",
		"/dev/null": "/dev/null: is a device, not a file",
	} {
		if _, err := readAll(t, "", path); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestNamedPipe: a pipe that is named is read, as the shell's <(command) is one.
func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		written <- os.WriteFile(path, []byte(jsonNode), 0o600)
	}()
	s, err := readAll(t, "", path)
	if err != nil || len(s.Nodes) != 1 {
		t.Errorf("%v, error %v", s, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// forever never returns from Read until it is closed.
type forever struct{ closed chan struct{} }

func (f forever) Read([]byte) (int, error) {
	<-f.closed
	return 0, io.EOF
}

// TestCancelled: Read returns when the context ends, whatever it waits for.
func TestCancelled(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "n.json"), []byte(jsonNode), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		path    string
		wantErr string
	}{
		"blocked standard input":       {"-", "standard input: interrupted"},
		"a pipe that nobody writes to": {pipe, pipe + ": interrupted"},
		"a file":                       {filepath.Join(dir, "n.json"), filepath.Join(dir, "n.json") + ": interrupted"},
		"a folder":                     {dir, dir + ": interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			stdin := forever{make(chan struct{})}
			defer close(stdin.closed)
			o := options("", tc.path)
			o.Stdin = stdin
			done := make(chan error, 1)
			go func() {
				_, err := snapshot.Read(ctx, o)
				done <- err
			}()
			cancel()
			if err := <-done; err == nil || err.Error() != tc.wantErr {
				t.Errorf("error %v, want %s", err, tc.wantErr)
			}
		})
	}
}

// TestCancelledWithinAList: the end of the context ends the reading of a long List.
func TestCancelledWithinAList(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options("", "-")
	o.Stdin = io.MultiReader(strings.NewReader(`{"kind":"List","apiVersion":"v1","items":[`), &repeated{text: jsonNode + ",\n"})
	o.Progress = func(objects int) {
		if objects == 1000 {
			cancel()
		}
	}
	if _, err := snapshot.Read(ctx, o); err == nil || err.Error() != "standard input: interrupted" {
		t.Errorf("error %v", err)
	}
}

// repeated is a text without end.
type repeated struct{ text, rest string }

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == "" {
		r.rest = r.text
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// TestLinearYAML: 300,000 empty documents take as long as so many lines; the time was quadratic once.
func TestLinearYAML(t *testing.T) {
	const documents = 300_000
	s, err := readAll(t, strings.Repeat("---\n", documents)+goodNode+"\n", "-")
	if err != nil || len(s.Nodes) != 1 {
		t.Errorf("error %v", err)
	}
	_, err = readAll(t, strings.Repeat("---\n", documents)+"a: [\n", "-")
	want := "standard input: is not YAML: line 300001: did not find expected node content"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestTooMuch is what would take more memory than any dump needs.
func TestTooMuch(t *testing.T) {
	list := func(item string, n int) string { return strings.TrimSuffix(strings.Repeat(item+", ", n), ", ") }
	for name, tc := range map[string]struct {
		content string
		wantErr string
	}{
		"aliases of a large text": {
			"apiVersion: v1\nkind: Node\nbig: &b \"" + strings.Repeat("A", 1000) + "\"\nx: [" + list("*b", 20_000) + "]\n",
			"standard input: is not YAML: its aliases make more than 16 MiB of it",
		},
		"aliases of aliases": {
			"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [" + list("*a", 10) + "]\nc: &c [" + list("*b", 10) + "]\nd: &d [" + list("*c", 10) +
				"]\ne: &e [" + list("*d", 10) + "]\nf: &f [" + list("*e", 10) + "]\ng: &g [" + list("*f", 10) + "]\nh: [" + list("*g", 10) + "]\n",
			"standard input: is not YAML: its aliases make more than 16 MiB of it",
		},
		"an anchor in itself": {
			"a: &a [*a]\n", "standard input: is not YAML: an anchor contains itself",
		},
		"one object in JSON": {
			`{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"` + strings.Repeat("A", 17<<20) + `"}}`,
			"standard input: holds an object of more than 16 MiB, which no API server stores",
		},
		"one line of YAML": {
			"a: " + strings.Repeat("A", 17<<20),
			"standard input: holds an object of more than 16 MiB, which no API server stores",
		},
		"deep nesting in JSON": {
			`{"apiVersion":"v1","kind":"Pod","spec":` + strings.Repeat("[", 20_000),
			"standard input: is not JSON: line 1: exceeded max depth",
		},
		"deep nesting in YAML": {
			"a: " + strings.Repeat("[", 20_000), "standard input: is not YAML: exceeded max depth of 10000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readAll(t, tc.content, "-"); err == nil || err.Error() != tc.wantErr {
				t.Errorf("error %v, want %s", err, tc.wantErr)
			}
		})
	}
}

// TestAmounts: amounts that take seconds, minutes or for ever to parse or to compare are refused in every field.
func TestAmounts(t *testing.T) {
	const (
		node    = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"},"status":{"capacity":{"memory":VALUE}}}`
		podSpec = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b"},"spec":{"overhead":{"cpu":VALUE},"containers":[{"name":"c"}]}}`
		volume  = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b"},"spec":{"containers":[{"name":"c"}],"volumes":[{"emptyDir":{"sizeLimit":VALUE}}]}}`
		metric  = `{"apiVersion":"metrics.k8s.io/v1beta1","kind":"NodeMetrics","metadata":{"name":"n1"},"timestamp":"2026-11-24T06:00:00Z","usage":{"memory":VALUE}}`
		policy  = `{"apiVersion":"killorder.io/v1alpha1","kind":"KillOrderPolicy","metadata":{"name":"default"},"spec":{"assumedEvictionHard":VALUE}}`
	)
	for _, object := range []string{node, podSpec, volume, metric, policy} {
		for _, value := range []string{
			`"1e99999999"`, `"1e-99999999"`, `"1E+99999999"`, `"-1e99999999"`, `1e99999999`, `"1\u006599999999"`,
			`"1e\u003999999999"`, `"` + strings.Repeat("9", 1<<18) + `"`, strings.Repeat("9", 1<<18),
		} {
			content := strings.Replace(object, "VALUE", value, 1)
			_, err := readAll(t, content, "-")
			if err == nil {
				t.Errorf("no error for %.100s", content)
			} else if len(err.Error()) > 300 || !strings.Contains(err.Error(), "standard input: ") {
				t.Errorf("error %.400s", err)
			}
		}
	}
}

// TestAmountsElsewhere: what only looks like an amount is none, such as the short hash of a commit.
func TestAmountsElsewhere(t *testing.T) {
	s, err := readAll(t, strings.Replace(goodPod, `"uid":"u1"`, `"uid":"7e4567890","labels":{"commit":"5e-12345678"}`, 1)+jsonNode, "-")
	if err != nil || len(s.PodsOf("worker-1")) != 1 {
		t.Errorf("error %v", err)
	}
}
