package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("a static binary"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "images.tar")
	err := Write(path,
		Image{Name: "example/one:1", Program: program, Entrypoint: "/one", User: "65532:65532"},
		Image{Name: "example/one-again:1", Program: program, Entrypoint: "/one"},
	)
	if err != nil {
		t.Fatal(err)
	}
	files := read(t, path)
	for name, content := range files {
		if digest, isBlob := strings.CutPrefix(name, "blobs/sha256/"); isBlob && digest != sum(content) {
			t.Errorf("%s: its content is %s", name, sum(content))
		}
	}
	// One layer, two configurations, two manifests, and the two files of the layout: the layer is there once.
	if len(files) != 7 {
		t.Errorf("want 7 files, got %d", len(files))
	}
	all := decode[index](t, files["index.json"])
	if got := all.Manifests[0].Annotations["io.containerd.image.name"]; got != "example/one:1" {
		t.Errorf("name: got %q", got)
	}
	m := decode[manifest](t, blob(files, all.Manifests[0]))
	c := decode[config](t, blob(files, m.Config))
	if c.Config.User != "65532:65532" || c.Config.Entrypoint[0] != "/one" || c.RootFS.DiffIDs[0] != m.Layers[0].Digest {
		t.Errorf("configuration: got %+v", c)
	}
	layer := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(layer, blob(files, m.Layers[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, layer)["one"]); got != "a static binary" {
		t.Errorf("program: got %q", got)
	}
}

func TestWriteSaysWhatIsMissing(t *testing.T) {
	err := Write(filepath.Join(t.TempDir(), "images.tar"), Image{Name: "n", Program: "/nowhere", Entrypoint: "/p"})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("want an error about the program, got %v", err)
	}
}

func read(t *testing.T, path string) map[string][]byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	files := map[string][]byte{}
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

func blob(files map[string][]byte, d descriptor) []byte {
	return files["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")]
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func decode[T any](t *testing.T, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
