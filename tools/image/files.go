package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// file of the image; a folder has no content. All belong to root, so that the operator's user can change none of them.
type file struct {
	name    string
	mode    fs.FileMode
	content []byte
}

const (
	accounts = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
	groups   = "root:x:0:\nnonroot:x:65532:\n"
)

// baseFiles is the image without the program: accounts, authorities, the licence, and a folder to mount /tmp over.
func baseFiles(source string) ([]file, error) {
	license, err := os.ReadFile(filepath.Join(source, "LICENSE"))
	if err != nil {
		return nil, fmt.Errorf("the licence that the image carries: %w", err)
	}
	folder := fs.ModeDir | 0o755
	return []file{
		{name: "etc", mode: folder},
		{name: "etc/group", mode: 0o644, content: []byte(groups)},
		{name: "etc/passwd", mode: 0o644, content: []byte(accounts)},
		{name: "etc/ssl", mode: folder},
		{name: "etc/ssl/certs", mode: folder},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: authorities()},
		{name: "licenses", mode: folder},
		{name: "licenses/LICENSE", mode: 0o644, content: license},
		{name: "tmp", mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}, nil
}

// authorities are Mozilla's root certificates as golang.org/x/crypto has them, so that go.mod pins them. Roots that Mozilla
// trusts for older certificates only are left out: a PEM file cannot say that.
func authorities() []byte {
	var all bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			all.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return all.Bytes()
}

// header of a file in a layer.
func (f file) header(at time.Time) *tar.Header {
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode.Perm()), Size: int64(len(f.content)), ModTime: at, Format: tar.FormatPAX,
	}
	if f.mode.IsDir() {
		h.Typeflag, h.Name, h.Size = tar.TypeDir, f.name+"/", 0
	}
	if f.mode&fs.ModeSticky != 0 {
		h.Mode |= 0o1000
	}
	return h
}

// writeTar writes files as a layer, in their order, all of one time.
func writeTar(w io.Writer, files []file, at time.Time) error {
	archive := tar.NewWriter(w)
	for _, f := range files {
		if err := archive.WriteHeader(f.header(at)); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if _, err := archive.Write(f.content); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("end of the layer: %w", err)
	}
	return nil
}

// writeRoot writes files below a folder, for a builder that copies them.
func writeRoot(dir string, files []file) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("folder of the files: %w", err)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		var err error
		if f.mode.IsDir() {
			err = os.MkdirAll(path, f.mode.Perm())
		} else {
			err = os.WriteFile(path, f.content, f.mode.Perm())
		}
		if err == nil {
			err = os.Chmod(path, f.mode) // whatever the umask is
		}
		if err != nil {
			return fmt.Errorf("write the image's files: %w", err)
		}
	}
	return nil
}
