package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// file is a file on its way in: named, from a folder, from an archive, or standard input.
type file struct {
	// name is what messages call the file.
	name string
	// path tells by its folders what the file holds, with slashes; it is "" for standard input.
	path string
	// modified is when the file was written, zero if that is not known.
	modified time.Time
	// found files stand in a folder or an archive and are taken as found; named ones are taken strictly.
	found bool
	// packed files stand in an archive.
	packed bool
	// foreign: a note says already that the file holds other things than objects.
	foreign bool
}

// location of a document, or of an item of its list.
type location struct {
	*file
	// document counts from 1; it is 0 before the first.
	document int
	// item is the item's field path, level how many lists it is in.
	item  string
	level int
}

func (l location) String() string {
	if l.document < 2 {
		return l.name
	}
	return fmt.Sprintf("%s, document %d", l.name, l.document)
}

// fault is what is wrong with a file or an object, in one line, and the note that it becomes where files are taken as
// found.
type fault struct {
	kind omission
	text string
}

func (f *fault) Error() string { return f.text }

func (l location) fault(kind omission, format string, args ...any) error {
	return &fault{kind, l.String() + ": " + oneLine(fmt.Sprintf(format, args...))}
}

// fault of a file as a whole.
func (f *file) fault(kind omission, format string, args ...any) error {
	return location{file: f}.fault(kind, format, args...)
}

// within puts the item before the field of an error.
func (l location) within(err error) error {
	if l.item == "" {
		return err
	}
	return fmt.Errorf("%s: %w", l.item, err)
}

// settle decides what becomes of an error. In a named file it ends the reading; what is found is left out, with a note.
// The end of the context ends the reading always.
func (c *collector) settle(f *file, err error) error {
	if err == nil || !f.found || c.ctx.Err() != nil {
		return err
	}
	kind := omittedBroken
	if known := (*fault)(nil); errors.As(err, &known) {
		kind = known.kind
	}
	if kind == omittedForeign && f.foreign {
		return nil
	}
	f.foreign = f.foreign || kind == omittedForeign
	c.omitted.count(kind, err.Error())
	return nil
}

// oneLine keeps an error on one line, and control characters of a file off the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// Reason is an error of the file system without the path, which is said already, and of a context without its jargon.
func Reason(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}

var errInterrupted = errors.New("interrupted")
