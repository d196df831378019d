package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// release is what an image says of itself.
type release struct {
	// name with a tag.
	name string
	// version and revision stand in the labels; an empty revision is left out.
	version, revision string
	// created is the time of the image and of all of its files.
	created time.Time
}

// created reads SOURCE_DATE_EPOCH, seconds since 1970 (reproducible-builds.org/specs/source-date-epoch); without it the time
// is 1970, as an image that says when it was built differs from itself.
func created(epoch string) (time.Time, error) {
	if epoch == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH=%q: must be seconds since 1970", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// labels are the image's annotations too, for registries that show those.
func labels(r release) map[string]string {
	l := map[string]string{
		"org.opencontainers.image.title":         "killorder",
		"org.opencontainers.image.description":   "Who dies first when a Kubernetes node runs out of memory",
		"org.opencontainers.image.url":           "https://github.com/killorder/killorder",
		"org.opencontainers.image.source":        "https://github.com/killorder/killorder",
		"org.opencontainers.image.documentation": "https://github.com/killorder/killorder/blob/main/docs/install.md",
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.vendor":        "The killorder authors",
		"org.opencontainers.image.version":       r.version,
	}
	if r.revision != "" {
		l["org.opencontainers.image.revision"] = r.revision
	}
	return l
}

// process is how the image runs: the user by number, so that runAsNonRoot can be checked without reading /etc/passwd.
func process(r release) v1.Config {
	return v1.Config{
		User: "65532:65532", Entrypoint: []string{"/manager"}, WorkingDir: "/", Labels: labels(r),
		Env: []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
	}
}

// platformImage has two layers: what stays from release to release, and the program.
func platformImage(b built, r release) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	settings := &v1.ConfigFile{
		Architecture: b.arch, OS: b.os, Created: v1.Time{Time: r.created}, Config: process(r),
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
	}
	if b.arch == "arm64" {
		settings.Variant = "v8"
	}
	img, err := mutate.ConfigFile(img, settings)
	if err != nil {
		return nil, fmt.Errorf("configuration of the image: %w", err)
	}
	last := len(b.files) - 1
	for _, part := range []struct {
		of    string
		files []file
	}{{"accounts, authorities, licence", b.files[:last]}, {"the operator", b.files[last:]}} {
		layer, err := layerOf(part.files, r.created)
		if err != nil {
			return nil, err
		}
		img, err = mutate.Append(img, mutate.Addendum{
			Layer:   layer,
			History: v1.History{Created: v1.Time{Time: r.created}, CreatedBy: "tools/image", Comment: part.of},
		})
		if err != nil {
			return nil, fmt.Errorf("layer of %s: %w", part.of, err)
		}
	}
	annotated, ok := mutate.Annotations(img, labels(r)).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("annotations turned the image into a %T", annotated)
	}
	return annotated, nil
}

func layerOf(files []file, at time.Time) (v1.Layer, error) {
	var content bytes.Buffer
	if err := writeTar(&content, files, at); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	return layer, nil
}

// plain is an image whose descriptor has no artifactType. That field is for other things than images; tools from before
// OCI 1.1 drop the field when they copy an index, and the digest changes.
type plain struct{ v1.Image }

// Descriptor of the image in an index.
func (p plain) Descriptor() (*v1.Descriptor, error) {
	d, err := partial.Descriptor(p.Image)
	if err == nil {
		d.ArtifactType = ""
	}
	return d, err
}

// indexOf is one image a platform under one digest.
func indexOf(images []v1.Image, all []built, r release) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for i, img := range images {
		settings, err := img.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("configuration of %s: %w", all[i].arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: plain{img}, Descriptor: v1.Descriptor{Platform: settings.Platform()},
		})
	}
	annotated, ok := mutate.Annotations(index, labels(r)).(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("annotations turned the index into a %T", annotated)
	}
	return annotated, nil
}
