package snapshot_test

import (
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/status"
)

// FuzzRead: whatever the files hold, Read returns an error of one line or a snapshot that can be judged; it never
// panics.
func FuzzRead(f *testing.F) {
	for _, path := range []string{"node.json", "pods.json", "pod-metrics.json", "node-agent.yaml"} {
		objects, err := os.ReadFile(filepath.Join("testdata", "evidence", path))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(objects, []byte(goodSummary), []byte(`{"kubeletconfig":{"evictionHard":{"memory.available":"5%"}}}`))
	}
	f.Add([]byte(goodNode+"\n---\n"+goodPod+"\n---\n"+goodMetrics), []byte("{"), []byte("[]"))
	if flag.Lookup("test.fuzz").Value.String() != "" { // otherwise they would be read a second time: TestField reads them all
		for _, content := range fieldFiles(f) {
			f.Add(content, []byte(goodSummary), []byte(`{"kind":"Status","apiVersion":"v1","reason":"Forbidden"}`))
		}
	}
	f.Add([]byte("&a [*a]"), []byte(`{"pods":[{"containers":[{}]}]}`), []byte(`{"kind":"KubeletConfiguration"}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, objects, summary, config []byte) {
		paths := []string{"-"}
		for path, content := range map[string][]byte{stats: summary, configz: config} {
			if len(content) == 0 {
				continue
			}
			path = filepath.Join(dir, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
		s, err := readAll(t, string(objects), paths...)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("the error is not one line of text: %q", err)
			}
			return
		}
		for i := range s.Nodes {
			n := s.Nodes[i]
			extract.Attach(&n, s.PodsOf(n.Name), s.ReadingsOf(n.Name), s.Policy, s.NamespaceLabels)
			v, order := status.Judge(&n, &s.Policy.Policy, nil, 0, 0, s.Now)
			if _, err := json.Marshal(&order); err != nil {
				t.Error(err)
			}
			if len(v.Eviction)+v.Exempt != len(v.Node.Pods) {
				t.Errorf("%d evictable and %d exempt of %d pods", len(v.Eviction), v.Exempt, len(v.Node.Pods))
			}
		}
	})
}

// fieldFiles are the contents of the field's folders.
func fieldFiles(tb testing.TB) (contents [][]byte) {
	tb.Helper()
	err := filepath.WalkDir("testdata/field", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		contents = append(contents, content)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return contents
}

// FuzzPacked: whatever standard input holds, archives and text in any encoding, Read returns an error of one line or a
// snapshot whose notes are lines; it never panics, and writes nothing.
func FuzzPacked(f *testing.F) {
	for _, content := range fieldFiles(f) {
		f.Add(content)
	}
	n, p := entry{name: "n.json", content: jsonNode}, entry{name: "kubelet/worker-1/stats-summary.json", content: goodSummary}
	for _, seed := range []string{
		tarred(f, n, p), gzipped(f, tarred(f, n, p)), zipped(f, n, p), gzipped(f, jsonNode), "\xff\xfe{\x00}\x00",
		"---\n" + goodNode + "\n==== START logs for container a of pod b/c ====\nx", "Warning: x\n{}", "BZh9",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := readAll(t, string(content), "-")
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("the error is not one line of text: %q", err)
			}
			return
		}
		for _, note := range s.Notes {
			if strings.ContainsAny(note, "\n\x1b") {
				t.Errorf("the note is not one line of text: %q", note)
			}
		}
		evaluate(s)
	})
}
