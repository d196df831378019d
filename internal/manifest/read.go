package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/killorder/killorder/internal/snapshot"
)

// Bounds of what is read: manifests are written by people.
const (
	mostBytes     = 64 << 20 // of a file
	mostWorkloads = 50_000
)

// Read reads files, folders and standard input. A file that is named is taken strictly: what is wrong with it is an error of
// one line that names file, line, object and field. A folder is taken as found: files that cannot be read are left out, with
// a note.
func Read(ctx context.Context, paths []string, stdin io.Reader) (*Manifests, error) {
	c := newCollector(ctx)
	for _, path := range paths {
		if err := c.path(path, stdin); err != nil {
			return nil, err
		}
	}
	return c.finish(paths)
}

func (c *collector) path(path string, stdin io.Reader) error {
	if path == snapshot.Stdin {
		return c.documents("standard input", stdin)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, snapshot.Reason(err))
	}
	if !info.IsDir() {
		return c.file(path)
	}
	return filepath.WalkDir(path+string(filepath.Separator), func(found string, d fs.DirEntry, err error) error {
		switch ended := c.ctx.Err(); {
		case ended != nil:
			return ended
		case err != nil:
			c.leftOut(fmt.Errorf("%s: %w", found, snapshot.Reason(err)))
			return nil
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && found != path+string(filepath.Separator):
			return fs.SkipDir
		case !d.Type().IsRegular() || !isManifest(d.Name()):
			return nil
		}
		if err := c.file(filepath.Clean(found)); err != nil {
			c.leftOut(err)
		}
		return c.ctx.Err()
	})
}

// isManifest reports whether a folder's file of that name may hold manifests. Kustomizations and charts' values do not.
func isManifest(name string) bool {
	switch strings.ToLower(name) {
	case "kustomization.yaml", "kustomization.yml", "values.yaml", "chart.yaml", "values.schema.json":
		return false
	}
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(name)))
}

// file reads a regular file: a pipe or a device could block, or never end.
func (c *collector) file(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", path, snapshot.Reason(err))
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", path)
	}
	return c.documents(path, f)
}

// documents reads a stream of YAML documents; JSON is YAML too.
func (c *collector) documents(file string, r io.Reader) error {
	bounded := &io.LimitedReader{R: r, N: mostBytes + 1}
	d := yaml.NewDecoder(bounded)
	for {
		if err := c.ctx.Err(); err != nil {
			return fmt.Errorf("%s: interrupted", file)
		}
		var document yaml.Node
		err := d.Decode(&document)
		switch {
		case bounded.N <= 0:
			return fmt.Errorf("%s: larger than %d MiB", file, mostBytes>>20)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %s", file, notYAML(err))
		}
		if err := c.document(file, &document); err != nil {
			return err
		}
	}
}

// notYAML says what is wrong with a file, and what to do if it is a template of a chart.
func notYAML(err error) string {
	text := strings.TrimPrefix(snapshot.FirstLine(err.Error()), "yaml: ")
	if strings.Contains(text, "invalid map key") || strings.Contains(text, "did not find expected node content") {
		return text + " (a chart's template? helm template renders it)"
	}
	return text
}
