package snapshot

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

// open opens a named path for reading: a regular file or a pipe, such as the shell's <(command) is one. Nothing blocks
// longer than the context lives: a pipe that nobody writes to does not even open.
func open(ctx context.Context, path string, mode fs.FileMode) (io.ReadCloser, error) {
	switch {
	case mode.IsRegular():
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		return regular{checked{ctx, f}, f}, nil
	case mode&fs.ModeNamedPipe != 0:
		return openPipe(ctx, path)
	case mode&fs.ModeDevice != 0:
		return nil, errors.New("is a device, not a file")
	}
	return nil, errors.New("is neither a file nor a folder nor a pipe")
}

// regular is an open regular file.
type regular struct {
	checked
	*os.File
}

func (r regular) Read(p []byte) (int, error) { return r.checked.Read(p) }

// wholeFile returns the file for reading at offsets, and its size in bytes.
func (r regular) wholeFile() (io.ReaderAt, int64, error) {
	info, err := r.File.Stat()
	if err != nil {
		return nil, 0, err
	}
	return r.File, info.Size(), nil
}

// closing is a reader and what ends it.
type closing struct {
	io.Reader
	io.Closer
}

// checked reads what does not block, as long as the context lives.
type checked struct {
	ctx context.Context
	r   io.Reader
}

func (c checked) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// openPipe opens a pipe in another goroutine, which stays behind, blocked, where nobody ever writes to the pipe.
func openPipe(ctx context.Context, path string) (io.ReadCloser, error) {
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(path)
		done <- opened{f, err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, o.err
		}
		return closing{newPatient(ctx, o.file), o.file}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// patient reads what may block, such as standard input, and gives up as soon as the context ends: the blocked goroutine
// stays behind.
type patient struct {
	ctx    context.Context
	chunks <-chan chunk
	rest   []byte
	err    error
}

// chunk is what one Read returned.
type chunk struct {
	bytes []byte
	err   error
}

const chunkSize = 64 << 10

func newPatient(ctx context.Context, r io.Reader) *patient {
	chunks := make(chan chunk)
	go func() {
		defer close(chunks)
		for {
			buffer := make([]byte, chunkSize)
			n, err := r.Read(buffer)
			select {
			case chunks <- chunk{buffer[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return &patient{ctx: ctx, chunks: chunks}
}

func (p *patient) Read(into []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.err != nil {
			return 0, p.err
		}
		if err := p.ctx.Err(); err != nil {
			return 0, err
		}
		select {
		case c := <-p.chunks:
			p.rest, p.err = c.bytes, c.err
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n := copy(into, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
