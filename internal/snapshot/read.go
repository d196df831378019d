package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// Stdin as a path means standard input.
	Stdin   = "-"
	extJSON = ".json"
)

// Read reads a snapshot from files, folders and standard input, and calls report, if there is one, with the
// number of objects read so far. An error is one line that names the file, the object and the field.
func Read(paths []string, stdin io.Reader, report func(objects int)) (*Snapshot, error) {
	c := newCollector(report)
	for _, path := range paths {
		if err := c.path(path, stdin); err != nil {
			return nil, err
		}
	}
	if len(c.snapshot.Nodes) == 0 {
		return nil, fmt.Errorf("%s: no Node found (objects read: %d)", strings.Join(paths, ", "), c.objects)
	}
	return c.finish(), nil
}

func (c *collector) path(path string, stdin io.Reader) error {
	if path == Stdin {
		content, err := io.ReadAll(stdin)
		if err != nil {
			return location{file: "standard input"}.errorf("%s", err)
		}
		return c.content("standard input", "", "", content)
	}
	info, err := os.Stat(path)
	if err != nil {
		return location{file: path}.errorf("%s", reason(err))
	}
	if info.IsDir() {
		return c.folder(path)
	}
	return c.file(path)
}

// folder reads the files of a folder and its folders; hidden ones are left alone.
func (c *collector) folder(root string) error {
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		hidden := path != root && strings.HasPrefix(d.Name(), ".")
		switch {
		case err != nil:
			return location{file: path}.errorf("%s", reason(err))
		case d.IsDir() && hidden:
			return fs.SkipDir
		case d.IsDir() || hidden:
			return nil
		case !hasObjects(path):
			c.omitted.count(omittedFiles, path)
			return nil
		}
		files++
		return c.file(path)
	})
	if err == nil && files == 0 {
		return location{file: root}.errorf("no .json, .yaml or .yml file in this folder")
	}
	return err
}

func hasObjects(path string) bool {
	switch filepath.Ext(path) {
	case extJSON, ".yaml", ".yml":
		return true
	}
	return false
}

func (c *collector) file(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return location{file: path}.errorf("%s", reason(err))
	}
	node, answer := answerOf(path)
	return c.content(path, node, answer, content)
}

// content takes a file's content: a kubelet's answer if node is not "", else objects.
func (c *collector) content(file, node, answer string, content []byte) error {
	docs, err := documents(file, content)
	if err != nil {
		return err
	}
	for _, d := range docs {
		if wrong := tinyNumber(d.json); wrong != nil {
			return d.errorf("%s", wrong)
		}
		if node != "" {
			err = c.answer(node, answer, d)
		} else {
			err = c.object(d.location, d.json, metav1.TypeMeta{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reason is an error of the file system without the path, which is said already.
func reason(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
