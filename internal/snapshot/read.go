package snapshot

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Stdin as a path means standard input.
const Stdin = "-"

// Options are what Read reads, and who looks on.
type Options struct {
	// Paths are files, folders, archives, pipes, or Stdin.
	Paths []string
	Stdin io.Reader
	// Progress, if there is one, is called with the number of objects read so far.
	Progress func(objects int)
	// Node, Pod and Event, if there are any, see each Node, each Pod and each Event (of v1) as it is read, an object that
	// is there twice more than once. What they keep of it they must copy.
	Node  func(*corev1.Node)
	Pod   func(*corev1.Pod)
	Event func(*corev1.Event)
	// NodesOptional: something can be answered without any Node, so that their lack is no error.
	NodesOptional bool
}

// Read reads a snapshot. A file that is named is taken strictly: what is wrong with it is an error, which is one line
// that names the file, the object and the field. What stands in a folder or an archive is taken as found: what cannot be
// used is left out, and Snapshot.Notes say so. Nothing is written to disk. Read returns as soon as the context ends,
// whatever it waits for.
func Read(ctx context.Context, o Options) (*Snapshot, error) {
	c := newCollector(ctx, &o)
	for _, path := range o.Paths {
		if err := c.path(path, o.Stdin); err != nil {
			return nil, err
		}
	}
	s, err := c.finish()
	if err == nil && len(s.Nodes) == 0 && !o.NodesOptional {
		return nil, c.nothing(o.Paths, s.Notes)
	}
	return s, err
}

// nothing is the error where nothing is left to answer from, with what was left out.
func (c *collector) nothing(paths, notes []string) error {
	text := fmt.Sprintf("%s: no Node found (objects read: %d)", strings.Join(paths, ", "), c.objects)
	if len(notes) > 0 {
		text += "; " + strings.Join(notes, "; ")
	}
	return &fault{omittedBroken, text}
}

// path reads what the user named.
func (c *collector) path(path string, stdin io.Reader) error {
	if path == Stdin {
		return c.file(&file{name: "standard input"}, newPatient(c.ctx, stdin))
	}
	f := &file{name: path, path: absolute(path)}
	info, err := os.Stat(path)
	if err != nil {
		return f.fault(omittedBroken, "%s", Reason(err))
	}
	if info.IsDir() {
		return c.folder(path)
	}
	f.modified = info.ModTime()
	r, err := open(c.ctx, path, info.Mode())
	if err != nil {
		return f.fault(omittedBroken, "%s", Reason(err))
	}
	defer func() { _ = r.Close() }() // it was only read
	return c.file(f, r)
}

// absolute path with slashes: the folders above a relative path tell what a file holds as well.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.ToSlash(path)
}
