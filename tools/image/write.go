package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// writeImage fills a folder and returns the digest of the index:
//
//	oci/, oci.tar        the OCI image layout of all platforms: skopeo, ctr images import, docker load with containerd's store
//	docker-ARCH.tar      what docker save would write of one platform: docker load and podman load everywhere
//	sbom-ARCH.cdx.json   what the program is made of, CycloneDX
//	digest               the index's digest
func writeImage(dir string, r release, all []built) (string, error) {
	tag, err := name.NewTag(r.name)
	if err != nil {
		return "", fmt.Errorf("-name: %w", err)
	}
	if err := removeOld(dir); err != nil {
		return "", err
	}
	images := make([]v1.Image, len(all))
	for i, b := range all {
		if images[i], err = platformImage(b, r); err != nil {
			return "", err
		}
		if err := tarball.WriteToFile(filepath.Join(dir, "docker-"+b.arch+".tar"), tag, images[i]); err != nil {
			return "", fmt.Errorf("docker-%s.tar: %w", b.arch, err)
		}
		if err := writeParts(dir, b); err != nil {
			return "", err
		}
	}
	index, err := indexOf(images, all, r)
	if err != nil {
		return "", err
	}
	return writeLayout(dir, tag, index, r.created)
}

// removeOld removes what an earlier run wrote, and nothing else: the folder may be anybody's.
func removeOld(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("folder of the image: %w", err)
	}
	for _, pattern := range []string{"oci", "oci.tar", "docker-*.tar", "sbom-*.cdx.json", "digest"} {
		old, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return fmt.Errorf("look for %s: %w", pattern, err)
		}
		for _, path := range old {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("remove the image before: %w", err)
			}
		}
	}
	return nil
}

func writeParts(dir string, b built) error {
	if len(b.sbom) == 0 {
		return nil
	}
	if err := os.WriteFile(filepath.Join(dir, "sbom-"+b.arch+".cdx.json"), b.sbom, 0o644); err != nil {
		return fmt.Errorf("bill of materials: %w", err)
	}
	return nil
}

// writeLayout names the index twice: by its tag, as OCI tools look for it, and in full, as containerd does.
func writeLayout(dir string, tag name.Tag, index v1.ImageIndex, at time.Time) (string, error) {
	folder := filepath.Join(dir, "oci")
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return "", fmt.Errorf("image layout: %w", err)
	}
	err = path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": tag.TagStr(),
		"io.containerd.image.name":          tag.Name(),
	}))
	if err != nil {
		return "", fmt.Errorf("image layout: %w", err)
	}
	if err := archiveFolder(filepath.Join(dir, "oci.tar"), folder, at); err != nil {
		return "", err
	}
	digest, err := index.Digest()
	if err != nil {
		return "", fmt.Errorf("digest of the index: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "digest"), []byte(digest.String()+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("digest of the index: %w", err)
	}
	return digest.String(), nil
}

// archiveFolder writes a folder's files in the order of their names, so that the archive too is the same each time.
func archiveFolder(path, folder string, at time.Time) error {
	var files []file
	err := filepath.WalkDir(folder, func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, p)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(p)
		files = append(files, file{name: filepath.ToSlash(name), mode: 0o644, content: content})
		return err
	})
	if err != nil {
		return fmt.Errorf("read the image layout: %w", err)
	}
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("archive of the image layout: %w", err)
	}
	if err := writeTar(out, files, at); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("archive of the image layout: %w", err)
	}
	return nil
}
