package plugin

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"text/template"

	"github.com/killorder/killorder/tools/ship/objects"
)

// Write fills bin/release: an archive a platform, their checksums, and killorder.yaml, the manifest for krew-index.
func Write(root, version string) error {
	of := product
	of.source = root
	return write(of, filepath.Join(root, ".krew.yaml"), filepath.Join(root, "bin", "release"), "v"+version)
}

func write(of program, manifestTemplate, dir, version string) error {
	archives := map[string][]byte{}
	for _, p := range platforms {
		content, err := pack(of, p, version)
		if err != nil {
			return err
		}
		archives[p.name()] = content
		if err := objects.Write(filepath.Join(dir, p.name()), content); err != nil {
			return err
		}
	}
	if err := objects.Write(filepath.Join(dir, "checksums.txt"), []byte(checksums(archives))); err != nil {
		return err
	}
	text, err := os.ReadFile(manifestTemplate)
	if err != nil {
		return fmt.Errorf("krew manifest: %w", err)
	}
	manifest, err := fill(string(text), version, archives)
	if err != nil {
		return err
	}
	return objects.Write(filepath.Join(dir, "killorder.yaml"), manifest)
}

// fill does what krew-release-bot does with a release: the tag, and address and sum of each archive. An archive that the
// template names and a release does not have is an error.
func fill(text, tag string, archives map[string][]byte) ([]byte, error) {
	release := struct{ TagName string }{tag}
	expand := func(text string) (string, error) {
		t, err := template.New("address").Parse(text)
		if err != nil {
			return "", err
		}
		var out bytes.Buffer
		err = t.Execute(&out, release)
		return out.String(), err
	}
	t, err := template.New(".krew.yaml").Funcs(template.FuncMap{
		"addURIAndSha": func(address, _ string) (string, error) {
			address, err := expand(address)
			if err != nil {
				return "", err
			}
			content, there := archives[path.Base(address)]
			if !there {
				return "", fmt.Errorf("%s: no such archive is made", path.Base(address))
			}
			return fmt.Sprintf("uri: %s\n    sha256: %s", address, sum(content)), nil
		},
	}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("krew manifest: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, release); err != nil {
		return nil, fmt.Errorf("krew manifest: %w", err)
	}
	return out.Bytes(), nil
}
