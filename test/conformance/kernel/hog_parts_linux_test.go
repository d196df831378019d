package kernel

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// volumes is where the virtual machine has its memory-backed volumes.
const volumes = "/volumes"

// pageOut is MADV_PAGEOUT, since Linux 5.4: reclaim the pages now.
const pageOut = 21

// swapOut takes anonymous memory that is swapped out at once, some at a time: what waits for it is never much.
func (h *hog) swapOut(bytes int) error {
	const portion = 4 << 20
	for ; bytes > 0; bytes -= portion {
		if err := h.mapAnonymous(min(bytes, portion)); err != nil {
			return err
		}
		if err := syscall.Madvise(h.mapped[len(h.mapped)-1], pageOut); err != nil {
			return os.NewSyscallError("madvise", err)
		}
	}
	return nil
}

// mapShared maps memory that could be shared with others, and touches each page.
func (h *hog) mapShared(bytes, flags int) error {
	m, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|syscall.MAP_ANON|flags)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	for i := 0; i < len(m); i += pageSize {
		m[i] = 1
	}
	h.mapped = append(h.mapped, m)
	return nil
}

// store writes a file to a memory-backed volume. The file stays when its writer dies.
func store(bytes int) error {
	file, err := os.Create(filepath.Join(volumes, strconv.Itoa(os.Getpid())))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // what matters was written
	for ; bytes > 0; bytes -= len(zeroes) {
		if _, err := file.Write(zeroes[:min(bytes, len(zeroes))]); err != nil {
			return err
		}
	}
	return nil
}
