package plugin

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const root = "../../.."

// small is a program in a module of its own, since packing the plugin six times takes minutes.
func small(t *testing.T) program {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":  "module example.com/small\n\ngo 1.26.0\n",
		"main.go": "package main\n\nvar version string\n\nfunc main() { println(version) }\n",
		"LICENSE": "to be found in each archive\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return program{source: dir, pkg: ".", versionIn: "main.version"}
}

func released(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := write(small(t), filepath.Join(root, ".krew.yaml"), dir, "v0.1.0"); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestArchives(t *testing.T) {
	first, second := released(t), released(t)
	for _, p := range platforms {
		content := read(t, first, p.name())
		if !bytes.Equal(content, read(t, second, p.name())) {
			t.Errorf("%s: packed twice, it differs", p.name())
		}
		want := map[string]os.FileMode{"kubectl-killorder": 0o755, "LICENSE": 0o644}
		got := tarMembers
		if p.os == "windows" {
			want, got = map[string]os.FileMode{"kubectl-killorder.exe": 0o755, "LICENSE": 0o644}, zipMembers
		}
		if diff := cmp.Diff(want, got(t, content)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", p.name(), diff)
		}
		if !strings.Contains(string(read(t, first, "checksums.txt")), sum(content)+"  "+p.name()+"\n") {
			t.Errorf("%s: its sum is not in checksums.txt", p.name())
		}
	}
}

// krew's own validator accepts the manifest of a release, and none of the broken copies.
func TestKrewManifest(t *testing.T) {
	dir := released(t)
	for name, tc := range map[string]struct {
		find, put, file string
		want            string
	}{
		"as it is":             {},
		"another file name":    {file: "other.yaml", want: "plugin should be named"},
		"no version":           {find: "version: v0.1.0", put: "version: '0.1'", want: "version"},
		"no short description": {find: "shortDescription:", put: "sort:", want: "short description"},
		"no home":              {find: "apiVersion: krew.googlecontainertools.github.com/v1alpha2", put: "apiVersion: krew/v1", want: "api"},
		"a sum that is none":   {find: "    sha256: ", put: "    sha256: x", want: "sha256"},
		"one platform twice":   {find: "{os: linux, arch: arm64}", put: "{os: linux, arch: amd64}", want: "overlapping"},
		"a platform of nobody": {find: "{os: linux, arch: arm64}", put: "{os: plan9, arch: arm64}", want: "doesn't match any supported"},
	} {
		t.Run(name, func(t *testing.T) {
			text := string(read(t, dir, "killorder.yaml"))
			if tc.find != "" && !strings.Contains(text, tc.find) {
				t.Fatalf("no %q to break", tc.find)
			}
			path := filepath.Join(t.TempDir(), "killorder.yaml")
			if tc.file != "" {
				path = filepath.Join(filepath.Dir(path), tc.file)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(text, tc.find, tc.put, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			validate := exec.Command(filepath.Join(root, "bin", "tools", "validate-krew-manifest"), "-skip-install", "-manifest", path)
			out, err := validate.CombinedOutput()
			if tc.want == "" && err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if tc.want != "" && (err == nil || !strings.Contains(string(out), tc.want)) {
				t.Errorf("want an error with %q, got %v\n%s", tc.want, err, out)
			}
		})
	}
}

// What krew-index's reviewers ask for beyond the validator (krew.sigs.k8s.io/docs/developer-guide/develop/best-practices).
func TestKrewDescriptions(t *testing.T) {
	var m struct {
		Spec struct{ ShortDescription, Description, Caveats, Homepage string }
	}
	if err := yaml.Unmarshal(read(t, released(t), "killorder.yaml"), &m); err != nil {
		t.Fatal(err)
	}
	short := m.Spec.ShortDescription
	if len(short) == 0 || len(short) > 50 || strings.HasSuffix(short, ".") || strings.Contains(strings.ToLower(short), "kubectl") {
		t.Errorf("short description %q: want up to 50 characters, no full stop, no kubectl", short)
	}
	for line := range strings.SplitSeq(m.Spec.Description+m.Spec.Caveats, "\n") {
		if len(line) > 80 {
			t.Errorf("%d characters, want up to 80: %s", len(line), line)
		}
	}
}

func TestAnArchiveThatIsNotMade(t *testing.T) {
	_, err := fill(`{{addURIAndSha "https://x/{{ .TagName }}/other.tar.gz" .TagName }}`, "v1", nil)
	if err == nil || !strings.Contains(err.Error(), "other.tar.gz: no such archive") {
		t.Errorf("want an error that names the archive, got %v", err)
	}
}

func tarMembers(t *testing.T, content []byte) map[string]os.FileMode {
	t.Helper()
	all := map[string]os.FileMode{}
	uncompressed, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(uncompressed); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] = h.FileInfo().Mode()
	}
}

func zipMembers(t *testing.T, content []byte) map[string]os.FileMode {
	t.Helper()
	all := map[string]os.FileMode{}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.File {
		all[f.Name] = f.Mode()
	}
	return all
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
