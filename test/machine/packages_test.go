package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKernelOf(t *testing.T) {
	for name, c := range map[string]struct {
		depends, series string
		want            string
	}{
		"the release's own": {
			"linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n", "6.1", "linux-image-6.1.0-56-cloud-amd64",
		},
		"of another series": {"linux-image-cloud-amd64\n  Depends: linux-image-6.12.117+deb13-cloud-amd64\n", "6.1", ""},
		"a series of two digits": {
			"linux-image-6.12-cloud-amd64\n  Depends: linux-image-6.12.117+deb12-cloud-amd64\n", "6.12", "linux-image-6.12.117+deb12-cloud-amd64",
		},
		"nothing": {"", "6.12", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, found := kernelOf(c.depends, c.series); got != c.want || found != (c.want != "") {
				t.Errorf("got %q, %v, want %q", got, found, c.want)
			}
		})
	}
}

func TestModule(t *testing.T) {
	p := Packages(t.TempDir())
	folder := filepath.Join(string(p), "lib", "modules", "6.1", "kernel")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"kernel/disk.ko": "code", "modules.builtin": "kernel/drivers/virtio.ko\n"} {
		if err := os.WriteFile(filepath.Join(folder, "..", file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := p.Module(t.Context(), "disk"); err != nil || string(data) != "code" {
		t.Errorf("a file: got %q, %v", data, err)
	}
	if data, err := p.Module(t.Context(), "virtio"); err != nil || data != nil {
		t.Errorf("built in: want nothing, got %q, %v", data, err)
	}
	if _, err := p.Module(t.Context(), "absent"); err == nil {
		t.Error("absent: want an error")
	}
}
