package snapshot

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
)

const (
	// mostEntries of an archive are looked at.
	mostEntries = 1 << 20
	// mostBuffered bytes of a zip archive that comes through a pipe: its list of contents is at its end.
	mostBuffered = 256 << 20
	// mostName is how much of an entry's name messages show, in bytes.
	mostName = 200
)

// inside is an entry of an archive on its way in. Its name is never a path on the disk: it is shown, and its folders
// tell what the entry holds.
func (f *file) inside(name string) *file {
	clean := path.Clean("/" + strings.ReplaceAll(name, `\`, "/"))[1:]
	shown := strings.ToValidUTF8(clean[:min(len(clean), mostName)], "")
	return &file{name: f.name + "/" + oneLine(shown), path: clean, modified: f.modified, found: true, packed: true}
}

// packedEntry reads an entry of an archive if the entry's name says that it holds objects.
func (c *collector) packedEntry(f *file, mode fs.FileMode, open func() (io.ReadCloser, error)) error {
	switch {
	case mode.IsDir():
		return nil
	case hiddenBelow(f.path):
		c.omitted.count(omittedHidden, f.name)
		return nil
	case !mode.IsRegular():
		c.omitted.count(omittedIrregular, f.name+", "+irregular(mode))
		return nil
	case contentOf(f.path) == contentArchive:
		return c.settle(f, f.nested())
	case contentOf(f.path) == contentOther:
		c.omitted.count(omittedFiles, f.name)
		return nil
	}
	r, err := open()
	if err != nil {
		return c.settle(f, f.unreadable(err))
	}
	defer func() { _ = r.Close() }() // it was only read
	return c.settle(f, c.file(f, r))
}

func hiddenBelow(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if hidden(part) {
			return true
		}
	}
	return false
}

// nested is the fault of an archive in an archive: the inner one holds another dump, or a node's logs.
func (f *file) nested() error {
	return f.fault(omittedNested, "is an archive within an archive: unpack it, and name it")
}

func readTar(c *collector, f *file, r *bufio.Reader, _ io.Reader, _ int) error {
	if f.packed {
		return f.nested()
	}
	archive := *f
	archive.found = true
	t := tar.NewReader(checked{c.ctx, r})
	for range mostEntries {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return c.settle(&archive, archive.unreadable(err))
		}
		e := f.inside(h.Name)
		if !h.ModTime.IsZero() {
			e.modified = h.ModTime
		}
		mode := h.FileInfo().Mode()
		if h.Typeflag == tar.TypeLink {
			mode |= fs.ModeSymlink
		}
		if err := c.packedEntry(e, mode, func() (io.ReadCloser, error) { return io.NopCloser(t), nil }); err != nil {
			return err
		}
	}
	return c.settle(&archive, archive.tooMany())
}

func (f *file) tooMany() error {
	return f.fault(omittedForeign, "has more than %d entries, the others are left out", mostEntries)
}

// readZip reads a zip archive, which needs its end first: a file by its offsets, what comes through a pipe from memory.
func readZip(c *collector, f *file, r *bufio.Reader, raw io.Reader, layer int) error {
	if f.packed {
		return f.nested()
	}
	archive := *f
	archive.found = true
	at, size, err := randomAccess(r, raw, layer)
	if err != nil {
		return f.unreadable(err)
	}
	z, err := zip.NewReader(at, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		if errors.Is(err, zip.ErrFormat) {
			err = errors.New("is a truncated zip archive: the list of contents at its end is missing")
		}
		return c.settle(&archive, archive.unreadable(err))
	}
	total := &expansion{packed: func() int64 { return size }}
	for i, entry := range z.File {
		if i == mostEntries {
			return c.settle(&archive, archive.tooMany())
		}
		e := f.inside(entry.Name)
		if !entry.Modified.IsZero() {
			e.modified = entry.Modified
		}
		err := c.packedEntry(e, entry.Mode(), func() (io.ReadCloser, error) {
			r, err := entry.Open()
			if err != nil {
				return nil, err
			}
			total.r = checked{c.ctx, r}
			return closing{total, r}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// randomAccess returns a whole file for reading at offsets: the file itself where it is one, else a copy in memory.
func randomAccess(r *bufio.Reader, raw io.Reader, layer int) (io.ReaderAt, int64, error) {
	if layer == 0 {
		if whole, ok := raw.(interface {
			wholeFile() (io.ReaderAt, int64, error)
		}); ok {
			return whole.wholeFile()
		}
	}
	content, err := io.ReadAll(io.LimitReader(r, mostBuffered+1))
	if err == nil && len(content) > mostBuffered {
		err = errors.New("is a zip archive of more than 256 MiB in a pipe: save it, and name the file")
	}
	return bytes.NewReader(content), int64(len(content)), err
}
