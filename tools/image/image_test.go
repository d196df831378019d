package main

import (
	"archive/tar"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// source is a small program in a module of its own, in a folder of its own.
func source(t *testing.T, says string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":              "module example.com/small\n\ngo 1.26.0\n",
		"cmd/manager/main.go": "package main\n\nvar version string\n\nfunc main() { println(\"" + says + "\", version) }\n",
		"LICENSE":             "to be found in the image\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func image(t *testing.T, source string, platforms string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	err := run(t.Context(), settings{
		source: source, program: "./cmd/manager", platforms: platforms, out: dir,
		release: release{name: "example.com/small:v1", version: "v1", revision: "abc"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheSameSourceGivesTheSameImage(t *testing.T) {
	first := image(t, source(t, "hello"), "linux/amd64,linux/arm64")
	t.Setenv("GOFLAGS", "-tags=other") // settings of whoever builds
	t.Setenv("GOAMD64", "v3")
	second := image(t, source(t, "hello"), "linux/amd64,linux/arm64")
	other := image(t, source(t, "goodbye"), "linux/amd64,linux/arm64")
	for _, name := range []string{"digest", "oci.tar", "docker-amd64.tar", "docker-arm64.tar"} {
		if content(t, first, name) != content(t, second, name) {
			t.Errorf("%s: two builds of the same source, in two folders, differ", name)
		}
		if content(t, first, name) == content(t, other, name) {
			t.Errorf("%s: the builds of two programs are equal", name)
		}
	}
}

func TestImage(t *testing.T) {
	dir := image(t, source(t, "hello"), "linux/amd64,linux/arm64")
	index := layoutIndex(t, dir)
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, d := range m.Manifests {
		platforms = append(platforms, d.Platform.String())
		if d.ArtifactType != "" {
			t.Errorf("%s: artifactType %s, which older tools drop", d.Platform, d.ArtifactType)
		}
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, img)
	}
	if got := strings.Join(platforms, " "); got != "linux/amd64 linux/arm64/v8" {
		t.Errorf("platforms: got %s", got)
	}
	if m.Annotations["org.opencontainers.image.version"] != "v1" {
		t.Errorf("annotations of the index: got %v", m.Annotations)
	}
}

func checkImage(t *testing.T, img v1.Image) {
	t.Helper()
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.Config.User != "65532:65532" || c.Config.Entrypoint[0] != "/manager" || c.Config.Labels["org.opencontainers.image.revision"] != "abc" {
		t.Errorf("configuration: got %+v", c.Config)
	}
	files := filesOf(t, img)
	if h := files["manager"]; h.FileInfo().Mode() != 0o755 || h.Uid != 0 {
		t.Errorf("manager: mode %s, user %d; want a program of root's that all may run", h.FileInfo().Mode(), h.Uid)
	}
	if got := files["tmp/"].FileInfo().Mode(); got != fs.ModeDir|fs.ModeSticky|0o777 {
		t.Errorf("tmp: mode %s", got)
	}
	if got := files["licenses/LICENSE"].content; got != "to be found in the image\n" {
		t.Errorf("licence: got %q", got)
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM([]byte(files["etc/ssl/certs/ca-certificates.crt"].content)) {
		t.Error("no authority in ca-certificates.crt")
	}
	for name, h := range files {
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 || h.FileInfo().Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			t.Errorf("%s: user %d, group %d, time %s, mode %s", name, h.Uid, h.Gid, h.ModTime, h.FileInfo().Mode())
		}
	}
}

// What docker load reads is one platform's image, the same as in the layout.
func TestDockerArchive(t *testing.T) {
	dir := image(t, source(t, "hello"), "linux/amd64")
	img, err := tarball.ImageFromPath(filepath.Join(dir, "docker-amd64.tar"), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkImage(t, img)
}

// Dockerfile copies what -root writes: it is what the layers hold, whatever the umask.
func TestRoot(t *testing.T) {
	from, root := source(t, "hello"), t.TempDir()
	err := run(t.Context(), settings{
		source: from, program: "./cmd/manager", platforms: "linux/arm64", root: root, release: release{version: "v1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	index := layoutIndex(t, image(t, from, "linux/arm64"))
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	files := filesOf(t, img)
	for name, want := range files {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode() != want.FileInfo().Mode() {
			t.Errorf("%s: mode %s below -root, %s in the layer", name, info.Mode(), want.FileInfo().Mode())
		}
		if !info.IsDir() && content(t, root, name) != want.content {
			t.Errorf("%s: another content below -root than in the layer", name)
		}
	}
	if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		if d.IsDir() {
			name += "/"
		}
		if _, known := files[name]; !known && path != root {
			t.Errorf("%s: below -root only", name)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	here := source(t, "hello")
	tests := map[string]struct {
		change func(*settings)
		want   string
	}{
		"neither folder":      {func(s *settings) { s.out = "" }, "exactly one of -o and -root"},
		"two roots":           {func(s *settings) { s.out, s.root, s.platforms = "", "x", "linux/amd64,linux/arm64" }, "-root takes one platform"},
		"another system":      {func(s *settings) { s.platforms = "windows/amd64" }, `"windows/amd64" is not linux/ARCHITECTURE`},
		"no such arch":        {func(s *settings) { s.platforms = "linux/z80" }, "build ./cmd/manager for linux/z80"},
		"a name without form": {func(s *settings) { s.release.name = "UPPER CASE" }, "-name"},
		"no licence":          {func(s *settings) { s.source = t.TempDir() }, "licence"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := settings{
				source: here, program: "./cmd/manager", platforms: "linux/amd64", out: t.TempDir(),
				release: release{name: "example.com/small:v1", version: "v1"},
			}
			test.change(&s)
			if err := run(t.Context(), s); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want an error with %q, got %v", test.want, err)
			}
		})
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if err := run(t.Context(), settings{platforms: "linux/amd64", out: t.TempDir()}); err == nil {
		t.Error("SOURCE_DATE_EPOCH=yesterday: want an error")
	}
}

// entry of a layer.
type entry struct {
	*tar.Header
	content string
}

func filesOf(t *testing.T, img v1.Image) map[string]entry {
	t.Helper()
	files := map[string]entry{}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		r, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for archive := tar.NewReader(r); ; {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			files[header.Name] = entry{header, string(text)}
		}
	}
	// What a runtime would unpack is the same set: no layer hides another's file.
	unpacked := 0
	for archive := tar.NewReader(mutate.Extract(img)); ; unpacked++ {
		if _, err := archive.Next(); err != nil {
			break
		}
	}
	if unpacked != len(files) {
		t.Errorf("%d files in the layers, %d unpacked", len(files), unpacked)
	}
	return files
}

func layoutIndex(t *testing.T, dir string) v1.ImageIndex {
	t.Helper()
	all, err := layout.ImageIndexFromPath(filepath.Join(dir, "oci"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := all.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	d := m.Manifests[0]
	if d.Annotations["org.opencontainers.image.ref.name"] != "v1" || d.Annotations["io.containerd.image.name"] != "example.com/small:v1" {
		t.Errorf("names of the index: got %v", d.Annotations)
	}
	if got := strings.TrimSpace(content(t, dir, "digest")); got != d.Digest.String() {
		t.Errorf("digest: the file says %s, the layout %s", got, d.Digest)
	}
	index, err := all.ImageIndex(d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
