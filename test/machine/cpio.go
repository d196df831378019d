package machine

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
)

// InitialRAMDisk writes an archive in the format "newc" of cpio, which the kernel unpacks into its first root folder.
type InitialRAMDisk struct {
	compressed *gzip.Writer
	inode      int
}

const (
	cpioDirectory = 0o040755
	cpioFile      = 0o100755
)

// NewInitialRAMDisk begins a compressed archive.
func NewInitialRAMDisk(w io.Writer) *InitialRAMDisk {
	return &InitialRAMDisk{compressed: gzip.NewWriter(w)}
}

// Directory adds a folder.
func (d *InitialRAMDisk) Directory(name string) error { return d.entry(name, cpioDirectory, nil) }

// File adds a file that may be executed.
func (d *InitialRAMDisk) File(name string, data []byte) error { return d.entry(name, cpioFile, data) }

// Close ends the archive: the kernel expects an entry of that name at the end.
func (d *InitialRAMDisk) Close() error {
	if err := d.entry("TRAILER!!!", 0, nil); err != nil {
		return err
	}
	return d.compressed.Close()
}

// entry writes the header of 13 hexadecimal numbers, the name and the content, each padded to four bytes.
func (d *InitialRAMDisk) entry(name string, mode int, data []byte) error {
	d.inode++
	var b bytes.Buffer
	const links = 1
	fmt.Fprintf(&b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		d.inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	b.WriteString(name + "\x00")
	pad(&b)
	b.Write(data)
	pad(&b)
	_, err := b.WriteTo(d.compressed)
	return err
}

func pad(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}
