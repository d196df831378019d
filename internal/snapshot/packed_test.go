package snapshot_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	utf "golang.org/x/text/encoding/unicode"
)

func gzipped(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// entry of an archive; kind is a tar header's, a regular file by default.
type entry struct {
	name, content string
	kind          byte
}

func tarred(t testing.TB, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o644, Size: int64(len(e.content))}
		if e.kind == tar.TypeSymlink || e.kind == tar.TypeLink {
			h.Linkname, h.Size, e.content = e.content, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zipped(t testing.TB, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		f, err := w.Create(e.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func utf16(t *testing.T, text string, order utf.Endianness, mark utf.BOMPolicy) string {
	t.Helper()
	s, err := utf.UTF16(order, mark).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPacked reads a node and its pod out of what people attach to an issue.
func TestPacked(t *testing.T) {
	both := goodPod + "\n" + jsonNode
	node, pod := entry{name: "./dump/nodes/n.json", content: jsonNode}, entry{name: `dump\pods\p.json.gz`, content: gzipped(t, goodPod)}
	for name, tc := range map[string]struct {
		file, content string
		wantNotes     []string
	}{
		"gzip":                           {file: "a.json.gz", content: gzipped(t, both)},
		"gzip without the ending":        {file: "a.json", content: gzipped(t, both)},
		"gzip twice":                     {file: "a", content: gzipped(t, gzipped(t, both))},
		"tar":                            {file: "a.tar", content: tarred(t, node, pod)},
		"tar.gz":                         {file: "a.tar.gz", content: gzipped(t, tarred(t, node, pod))},
		"tgz by another name":            {file: "must-gather", content: gzipped(t, tarred(t, node, pod))},
		"zip":                            {file: "a.zip", content: zipped(t, node, pod)},
		"standard input, tar.gz":         {content: gzipped(t, tarred(t, node, pod))},
		"standard input, zip":            {content: zipped(t, node, pod)},
		"UTF-16 with a mark, as Windows": {file: "a.json", content: utf16(t, both, utf.LittleEndian, utf.ExpectBOM)},
		"UTF-16, the other end first":    {file: "a.json", content: utf16(t, both, utf.BigEndian, utf.ExpectBOM)},
		"UTF-16 without a mark":          {file: "a.json", content: utf16(t, both, utf.LittleEndian, utf.IgnoreBOM)},
		"UTF-16, YAML, Windows line ends": {
			file: "a.yaml", content: utf16(t, strings.ReplaceAll(goodNode+"\n---\n"+goodPod+"\n", "\n", "\r\n"), utf.LittleEndian, utf.ExpectBOM),
		},
		"absolute names and names above": {file: "a.tar", content: tarred(t, entry{name: "/etc/n.json", content: jsonNode}, entry{name: "../../p.json", content: goodPod})},
		"links, folders, devices": {
			file: "a.tar", content: tarred(t, node, pod,
				entry{"l.json", "/etc/passwd", tar.TypeSymlink}, entry{"h.json", "n.json", tar.TypeLink},
				entry{"d/", "", tar.TypeDir}, entry{"f.json", "", tar.TypeFifo}, entry{"c.json", "", tar.TypeChar}),
			wantNotes: []string{"4 files left out that are not regular ones (first: a.tar/l.json, a link)"},
		},
		"logs, hidden files, archives": {
			file: "a.tar", content: tarred(t, node, pod, entry{name: "x/current.log", content: goodNode},
				entry{name: "x/._p.json", content: "\x00"}, entry{name: "x/.git/p.json", content: "{"},
				entry{name: "x/inner.tar.gz", content: gzipped(t, tarred(t, node))},
				entry{name: "x/inner.json", content: zipped(t, node)}),
			wantNotes: []string{
				"2 archives within an archive left out (first: a.tar/x/inner.tar.gz: is an archive within an archive: unpack it, and name it)",
				"1 file skipped that is not .json, .yaml or .yml (a.tar/x/current.log)",
				"2 hidden files or folders skipped (first: a.tar/x/._p.json)",
			},
		},
		"a name with escapes": {
			file: "a.tar", content: tarred(t, node, pod, entry{name: "x\x1b[31m\n.json", content: "{"}),
			wantNotes: []string{
				"1 broken file left out, or what follows the break (a.tar/x [31m .json: is truncated: it ends within a JSON object, in line 1)",
			},
		},
		"truncated": {
			file: "a.tar", content: tarred(t, node, pod, entry{name: "long.json", content: strings.Repeat(" ", 4096)})[:4096],
			wantNotes: []string{
				"2 broken files left out, or what follows the break (first: a.tar/long.json: is truncated)",
			},
		},
		"truncated, compressed": {
			file: "a.tgz", content: cut(gzipped(t, tarred(t, node, pod, entry{name: "b.bin", content: noise(4 << 10)}))),
			wantNotes: []string{
				"1 broken file left out, or what follows the break (a.tgz: is truncated)",
				"1 file skipped that is not .json, .yaml or .yml (a.tgz/b.bin)",
			},
		},
		"a bomb beside": {
			file: "a.tgz", content: gzipped(t, tarred(t, node, pod, entry{name: "b.bin", content: strings.Repeat("\x00", 36<<20)}, node)),
			wantNotes: []string{
				"1 file left out, or a part of it, since it holds other things than Kubernetes objects (a.tgz: unpacks to more than 300 times its size, which no dump does)",
				"1 file skipped that is not .json, .yaml or .yml (a.tgz/b.bin)",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			paths := []string{"-"}
			if tc.file != "" {
				t.Chdir(folder(t, map[string]string{tc.file: tc.content}))
				paths = []string{tc.file}
			}
			s, err := readAll(t, tc.content, paths...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.wantNotes, s.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			if len(s.Nodes) != 1 || len(s.PodsOf("worker-1")) != 1 {
				t.Errorf("%d nodes, pods %v, want one of each", len(s.Nodes), s.PodsOf("worker-1"))
			}
			if tc.file != "" {
				nothingElse(t, tc.file)
			}
		})
	}
}

// nothingElse checks that reading has written no file.
func nothingElse(t *testing.T, file string) {
	t.Helper()
	names, err := filepath.Glob("*")
	if err != nil || len(names) != 1 || names[0] != file {
		t.Errorf("files %v after reading, error %v", names, err)
	}
}

func cut(s string) string { return s[:len(s)-len(s)/8] }

// noise does not compress.
func noise(n int) string {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}

// TestPackedInFolders: files of a folder are unpacked as named ones are.
func TestPackedInFolders(t *testing.T) {
	t.Chdir(folder(t, map[string]string{
		"n.json.gz": gzipped(t, jsonNode), "must-gather.tgz": gzipped(t, tarred(t, entry{name: "p.json", content: goodPod})),
		"sub/old.zip": "PK\x03\x04 no zip", "kubelet/worker-1/stats-summary.json.gz": gzipped(t, goodSummary), "x.json": "\xfd7zXZ\x00",
	}))
	s, err := readAll(t, "", ".")
	if err != nil {
		t.Fatal(err)
	}
	wantNotes := []string{
		"1 broken file left out, or what follows the break (sub/old.zip: is a truncated zip archive: the list of contents at its end is missing)",
		"1 file left out, or a part of it, since it holds other things than Kubernetes objects (x.json: is packed with xz, which is not read here: unpack it first (xz -d))",
	}
	if diff := cmp.Diff(wantNotes, s.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if len(s.Nodes) != 1 || len(s.PodsOf("worker-1")) != 1 || len(s.Kubelets) != 1 {
		t.Errorf("%d nodes, pods %v, %d kubelets' readings, want one of each", len(s.Nodes), s.PodsOf("worker-1"), len(s.Kubelets))
	}
	if _, err := os.Stat("p.json"); err == nil {
		t.Error("an entry was written to disk")
	}
}
