package snapshot

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"
)

const (
	// peekSize is how much of a file tells what it is.
	peekSize = 4 << 10
	// mostLayers of compression around a file.
	mostLayers = 3
)

// packing is a way in which files are packed, known by the first bytes.
type packing struct {
	magic  string
	offset int
	name   string
	// unpack is nil for what is not read; tool then is the command that unpacks it.
	unpack func(c *collector, f *file, r *bufio.Reader, raw io.Reader, layer int) error
	tool   string
}

// packings are set by init, since an archive's entries may be packed themselves.
var packings []packing

func init() {
	packings = []packing{
		{magic: "\x1f\x8b", name: "gzip", unpack: unpackGzip},
		{magic: "BZh", name: "bzip2", unpack: unpackBzip2},
		{magic: "PK\x03\x04", name: "zip", unpack: readZip},
		{magic: "PK\x05\x06", name: "zip", unpack: readZip},
		{magic: "ustar", offset: 257, name: "tar", unpack: readTar},
		{magic: "\xfd7zXZ\x00", name: "xz", tool: "xz -d"},
		{magic: "\x28\xb5\x2f\xfd", name: "zstd", tool: "zstd -d"},
		{magic: "7z\xbc\xaf\x27\x1c", name: "7z", tool: "7z x"},
		{magic: "Rar!", name: "rar", tool: "unrar x"},
	}
}

// file reads a file, whatever it is packed in.
func (c *collector) file(f *file, r io.Reader) error { return c.unpack(f, r, 0) }

func (c *collector) unpack(f *file, r io.Reader, layer int) error {
	b := bufio.NewReaderSize(r, chunkSize)
	head, err := b.Peek(peekSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return f.unreadable(err)
	}
	for i := range packings {
		p := &packings[i]
		switch {
		case len(head) < p.offset || !bytes.HasPrefix(head[p.offset:], []byte(p.magic)):
		case p.unpack == nil:
			return f.fault(omittedForeign, "is packed with %s, which is not read here: unpack it first (%s)", p.name, p.tool)
		case layer == mostLayers:
			return f.fault(omittedForeign, "is packed more than %d times", mostLayers)
		default:
			return p.unpack(c, f, b, r, layer)
		}
	}
	if isOldTar(head) {
		return readTar(c, f, b, r, layer)
	}
	return c.text(f, b, head)
}

// isOldTar reports whether a file begins with the header of an archive as tar made them before POSIX.1-1988.
func isOldTar(head []byte) bool {
	const block = 512
	if len(head) < block || bytes.IndexByte(head[:100], 0) < 1 {
		return false
	}
	_, err := tar.NewReader(bytes.NewReader(head[:block])).Next()
	return err == nil
}

// unreadable says why reading a file failed.
func (f *file) unreadable(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return f.fault(omittedBroken, "is truncated")
	case errors.Is(err, errBomb):
		return f.fault(omittedForeign, "%s", errBomb)
	case errors.Is(err, errLargeValue):
		return f.fault(omittedForeign, "%s", errLargeValue)
	}
	return f.fault(omittedBroken, "%s", Reason(err))
}

func unpackGzip(c *collector, f *file, r *bufio.Reader, _ io.Reader, layer int) error {
	packed := &counter{r: r}
	gz, err := gzip.NewReader(packed)
	if err != nil {
		return f.fault(omittedBroken, "is not gzip, although it begins so: %s", err)
	}
	return c.unpack(f, &expansion{r: gz, packed: packed.count}, layer+1)
}

func unpackBzip2(c *collector, f *file, r *bufio.Reader, _ io.Reader, layer int) error {
	packed := &counter{r: r}
	return c.unpack(f, &expansion{r: bzip2.NewReader(packed), packed: packed.count}, layer+1)
}

// counter counts the bytes read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counter) count() int64 { return c.n }

const (
	// mostExpansion is how many times its packed size a file may have, once it is larger than freeExpansion bytes. A list
	// of 30,000 copies of one pod has 172 times after gzip -9 (measured 2026-11-28); nothing as repetitive is dumped.
	mostExpansion = 300
	freeExpansion = 32 << 20
)

var errBomb = errors.New("unpacks to more than 300 times its size, which no dump does")

// expansion reads what is unpacked, and fails where that is far more than was packed.
type expansion struct {
	r      io.Reader
	packed func() int64
	n      int64
}

func (e *expansion) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.n += int64(n)
	if e.n > freeExpansion && e.n/mostExpansion > e.packed() {
		return 0, errBomb
	}
	return n, err
}
