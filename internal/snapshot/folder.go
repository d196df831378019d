package snapshot

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// folder reads the files of a folder and its folders, in the order of their names. Links are not followed, but for the
// folder itself: what a dump links to is not part of the dump.
func (c *collector) folder(root string) error {
	named := root
	root += string(filepath.Separator)
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ended := c.ctx.Err(); ended != nil {
			return (&file{name: named}).fault(omittedBroken, "%s", Reason(ended))
		}
		f := &file{name: oneLine(path), path: absolute(path), found: path != root}
		switch {
		case err != nil:
			return c.settle(f, f.fault(omittedBroken, "%s", Reason(err)))
		case f.found && hidden(d.Name()):
			c.omitted.count(omittedHidden, path)
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			c.omitted.count(omittedIrregular, path+", "+irregular(d.Type()))
			return nil
		case contentOf(path) == contentOther:
			c.omitted.count(omittedFiles, path)
			return nil
		}
		return c.settle(f, c.entry(f, path))
	})
}

// entry reads a regular file of a folder. A link or a pipe that has taken the file's place since the folder was listed
// neither blocks nor is read.
func (c *collector) entry(f *file, path string) error {
	r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return f.fault(omittedBroken, "%s", Reason(err))
	}
	defer func() { _ = r.Close() }() // it was only read
	info, err := r.Stat()
	if err != nil {
		return f.fault(omittedBroken, "%s", Reason(err))
	}
	if !info.Mode().IsRegular() {
		return f.fault(omittedIrregular, "%s", irregular(info.Mode()))
	}
	f.modified = info.ModTime()
	return c.file(f, regular{checked{c.ctx, r}, r})
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") || name == "__MACOSX" }

func irregular(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a link"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// content is what a file's name says that the file holds.
type content uint8

const (
	contentOther content = iota
	contentObjects
	contentArchive
)

// contentOf a file of that name. Files of a folder or an archive that are neither objects nor archives are not opened:
// dumps are full of logs, in which tenants write what they like.
func contentOf(name string) content {
	name = strings.ToLower(name)
	for _, ending := range []string{".tar", ".tgz", ".tbz", ".tbz2", ".tar.gz", ".tar.bz2", ".zip"} {
		if strings.HasSuffix(name, ending) {
			return contentArchive
		}
	}
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".bz2")
	switch filepath.Ext(name) {
	case extJSON, ".yaml", ".yml":
		return contentObjects
	}
	return contentOther
}

const extJSON = ".json"

// namedJSON reports whether a file's name says that it is JSON.
func (f *file) namedJSON() bool {
	name := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(f.name), ".gz"), ".bz2")
	return strings.HasSuffix(name, extJSON)
}
