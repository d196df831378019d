// Package image writes container images without a builder and a registry: an archive in the OCI image layout, which
// containerd imports.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"runtime"
)

const (
	layerType    = "application/vnd.oci.image.layer.v1.tar"
	configType   = "application/vnd.oci.image.config.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
)

// Image is one program.
type Image struct {
	// Name with a tag, as a pod's image says it.
	Name string
	// Program is a static binary; it becomes Entrypoint.
	Program, Entrypoint string
	// User that it runs as, "UID:GID"; empty is root.
	User string
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type config struct {
	Architecture string  `json:"architecture"`
	OS           string  `json:"os"`
	Config       process `json:"config"`
	RootFS       rootFS  `json:"rootfs"`
}

type process struct {
	User       string   `json:"User,omitempty"`
	Entrypoint []string `json:"Entrypoint"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	Manifests     []descriptor `json:"manifests"`
}

// archive is an image layout while it is written. It keeps the first error.
type archive struct {
	*tar.Writer
	written map[string]bool
	err     error
}

// Write makes the archive at path.
func Write(path string, images ...Image) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
	}()
	a := &archive{Writer: tar.NewWriter(file), written: map[string]bool{}}
	all := index{SchemaVersion: 2}
	for _, image := range images {
		all.Manifests = append(all.Manifests, a.image(image))
	}
	a.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	a.file("index.json", a.json(all))
	if a.err != nil {
		return a.err
	}
	return a.Close()
}

// image writes one image's blobs and describes it.
func (a *archive) image(i Image) descriptor {
	layer := a.layer(i)
	settings := a.blob(configType, a.json(config{
		Architecture: runtime.GOARCH, OS: "linux",
		Config: process{User: i.User, Entrypoint: []string{i.Entrypoint}},
		RootFS: rootFS{Type: "layers", DiffIDs: []string{layer.Digest}},
	}))
	d := a.blob(manifestType, a.json(manifest{
		SchemaVersion: 2, MediaType: manifestType, Config: settings, Layers: []descriptor{layer},
	}))
	d.Annotations = map[string]string{"io.containerd.image.name": i.Name}
	return d
}

// layer is a root file system with just the program and the folders that a runtime mounts over.
func (a *archive) layer(i Image) descriptor {
	program, err := os.ReadFile(i.Program)
	if err != nil {
		a.fail(err)
		return descriptor{}
	}
	var layer bytes.Buffer
	t := tar.NewWriter(&layer)
	for _, dir := range []string{"dev", "etc", "proc", "sys", "tmp"} {
		a.fail(t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}))
	}
	a.fail(writeFile(t, i.Entrypoint[1:], 0o755, program))
	a.fail(t.Close())
	return a.blob(layerType, layer.Bytes())
}

// blob stores content under its digest, once.
func (a *archive) blob(mediaType string, content []byte) descriptor {
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	if !a.written[digest] {
		a.written[digest] = true
		a.file("blobs/sha256/"+digest, content)
	}
	return descriptor{MediaType: mediaType, Digest: "sha256:" + digest, Size: len(content)}
}

func (a *archive) file(name string, content []byte) {
	a.fail(writeFile(a.Writer, name, 0o644, content))
}

func (a *archive) json(v any) []byte {
	data, err := json.Marshal(v)
	a.fail(err)
	return data
}

func (a *archive) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

func writeFile(t *tar.Writer, name string, mode int64, content []byte) error {
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := t.Write(content)
	return err
}
