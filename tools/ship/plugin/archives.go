// Package plugin packs the kubectl plugin for people's machines and fills in its manifest for krew.
package plugin

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// platforms that krew knows and that people have.
var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"},
}

type platform struct{ os, arch string }

// program is what gets packed: a package of a module, and the variable that says its version.
type program struct{ source, pkg, versionIn string }

var product = program{pkg: "./cmd/kubectl-killorder", versionIn: "github.com/killorder/killorder/internal/cli.buildVersion"}

// member of an archive.
type member struct {
	name    string
	mode    int64
	content []byte
}

// epoch is the time of all members: an archive that says when it was packed differs each time. Zip knows no time before 1980.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// name of a platform's archive, the same in each release, so that links to the latest one stay.
func (p platform) name() string {
	end := ".tar.gz"
	if p.os == "windows" {
		end = ".zip"
	}
	return "kubectl-killorder_" + p.os + "_" + p.arch + end
}

// pack builds and packs the program for one platform.
func pack(of program, p platform, version string) ([]byte, error) {
	binary, err := build(of, p, version)
	if err != nil {
		return nil, err
	}
	license, err := os.ReadFile(filepath.Join(of.source, "LICENSE"))
	if err != nil {
		return nil, fmt.Errorf("the licence that an archive carries: %w", err)
	}
	name := "kubectl-killorder"
	if p.os == "windows" {
		return zipped(member{name + ".exe", 0o755, binary}, member{"LICENSE", 0o644, license})
	}
	return tarred(member{name, 0o755, binary}, member{"LICENSE", 0o644, license})
}

func build(of program, p platform, version string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "killorder-plugin-")
	if err != nil {
		return nil, fmt.Errorf("folder for the program: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "program")
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X "+of.versionIn+"="+version, "-o", path, of.pkg)
	c.Dir = of.source
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off",
		"GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0")
	if output, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s for %s/%s: %w\n%s", of.pkg, p.os, p.arch, err, output)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the program: %w", err)
	}
	return binary, nil
}

func tarred(members ...member) ([]byte, error) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	for _, m := range members {
		err := archive.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: m.name, Mode: m.mode, Size: int64(len(m.content)), ModTime: epoch, Format: tar.FormatUSTAR,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		if _, err := archive.Write(m.content); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("end of the archive: %w", err)
	}
	if err := compressed.Close(); err != nil {
		return nil, fmt.Errorf("end of the archive: %w", err)
	}
	return out.Bytes(), nil
}

func zipped(members ...member) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate, Modified: epoch}
		h.SetMode(os.FileMode(m.mode))
		w, err := archive.CreateHeader(h)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		if _, err := w.Write(m.content); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("end of the archive: %w", err)
	}
	return out.Bytes(), nil
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// checksums as sha256sum -c reads them.
func checksums(of map[string][]byte) string {
	var all strings.Builder
	for _, p := range platforms {
		fmt.Fprintf(&all, "%s  %s\n", sum(of[p.name()]), p.name())
	}
	return all.String()
}
