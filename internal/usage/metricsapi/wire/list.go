// Package wire reads the outer layers of a list as the Kubernetes API encodes them in protobuf, and says which of the items
// may be decoded. It imports next to nothing, so that its fuzz target starts at once.
package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Magic begins every protobuf answer of the Kubernetes API; a runtime.Unknown follows
// (k8s.io/apimachinery/pkg/runtime/serializer/protobuf).
const Magic = "k8s\x00"

const (
	// maxItem bounds an item in bytes: a PodMetrics repeats the pod's labels, and etcd holds no object of more
	// than 1.5 MiB.
	maxItem    = 4 << 20
	bufferSize = 64 << 10

	// Fields of runtime.Unknown, of the TypeMeta in it, and of the list in its raw bytes.
	unknownTypeMeta = 1
	unknownRaw      = 2
	typeMetaKind    = 2
	listMeta        = 1
	listItems       = 2
)

// ErrGarbage is an answer that is not what the API promises.
var ErrGarbage = errors.New("not a usable answer")

func garbage(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrGarbage, fmt.Errorf(format, args...))
}

// DecodeList reads a list of the given kind and hands over its items one by one, each in the same buffer. If DecodeList
// returns an error, the items handed over before the error were whole.
func DecodeList(r io.Reader, kind string, item func([]byte)) error {
	return DecodePage(r, kind, func([]byte) {}, item)
}

// DecodePage is DecodeList that also hands over the list's ListMeta, encoded: the ListMeta says whether the list has further
// pages.
func DecodePage(r io.Reader, kind string, meta, item func([]byte)) error {
	d := &decoder{in: bufio.NewReaderSize(r, bufferSize), meta: meta, item: item}
	if err := d.magic(); err != nil {
		return err
	}
	err := d.unknown(kind)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return garbage("it ends early, after %d bytes", d.read)
	}
	return err
}

// decoder reads the outer layers of a list from a stream.
type decoder struct {
	in   *bufio.Reader
	read int64
	buf  []byte
	// meta and item take the parts of the list.
	meta, item func([]byte)
}

func (d *decoder) magic() error {
	start, err := d.in.Peek(len(Magic))
	switch {
	case string(start) == Magic:
		_, err = d.in.Discard(len(Magic))
		d.read += int64(len(Magic))
		return err
	case err != nil && !errors.Is(err, io.EOF):
		return err
	}
	start, _ = d.in.Peek(40)
	return garbage("it is not Kubernetes protobuf, but begins %.40q", start)
}

// unknown reads a runtime.Unknown to the end of the stream.
func (d *decoder) unknown(kind string) error {
	var seen string
	var list bool
	for {
		if _, err := d.in.Peek(1); errors.Is(err, io.EOF) {
			break // an answer may end only between two fields
		}
		number, length, err := d.field(math.MaxInt64)
		switch {
		case err != nil:
			return err
		case number == unknownTypeMeta:
			seen, err = d.kind(length)
		case number == unknownRaw:
			list = true
			err = d.list(length)
		default:
			err = d.discard(length)
		}
		if err != nil {
			return err
		}
		if seen != "" && seen != kind {
			return garbage("it is a %.40q, not a %s", seen, kind)
		}
	}
	if seen == "" || !list {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// kind reads a TypeMeta of that length and returns its kind.
func (d *decoder) kind(length int64) (string, error) {
	b, err := d.bytes(length)
	if err != nil {
		return "", err
	}
	for len(b) > 0 {
		number, value, rest, err := next(b)
		if err != nil {
			return "", garbage("type: %w", err)
		}
		if b = rest; number == typeMetaKind {
			return string(value), nil
		}
	}
	return "", nil
}

// next cuts the first field off a message. The value is nil unless it has a length.
func next(message []byte) (number protowire.Number, value, rest []byte, err error) {
	number, wire, n := protowire.ConsumeTag(message)
	if n < 0 {
		return 0, nil, nil, protowire.ParseError(n)
	}
	message = message[n:]
	if n = protowire.ConsumeFieldValue(number, wire, message); n < 0 {
		return 0, nil, nil, protowire.ParseError(n)
	}
	if wire == protowire.BytesType {
		value, _ = protowire.ConsumeBytes(message)
	}
	return number, value, message[n:], nil
}

// list reads the list's fields, which take that many bytes.
func (d *decoder) list(length int64) error {
	for end := d.read + length; d.read < end; {
		number, length, err := d.field(end)
		if err != nil {
			return err
		}
		take := d.item
		switch number {
		case listMeta:
			take = d.meta
		case listItems:
		default:
			if err := d.discard(length); err != nil {
				return err
			}
			continue
		}
		b, err := d.bytes(length)
		if err != nil {
			return err
		}
		take(b)
	}
	return nil
}

// field reads a field's tag and length; the field has to end by the given position. All fields of the outer
// layers are of that form.
func (d *decoder) field(end int64) (protowire.Number, int64, error) {
	tag, err := d.number()
	if err != nil {
		return 0, 0, err
	}
	number, wire := protowire.DecodeTag(tag)
	if wire != protowire.BytesType || number < 1 {
		return 0, 0, garbage("field %d of wire type %d at byte %d", number, wire, d.read)
	}
	length, err := d.number()
	if err != nil {
		return 0, 0, err
	}
	if d.read > end || length > uint64(end-d.read) {
		return 0, 0, garbage("field %d at byte %d reaches beyond what it is part of", number, d.read)
	}
	return number, int64(length), nil
}

// number reads a varint.
func (d *decoder) number() (v uint64, err error) {
	for shift := 0; shift < 64; shift += 7 {
		b, err := d.in.ReadByte()
		if err != nil {
			return 0, err
		}
		d.read++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, garbage("a number without end at byte %d", d.read)
}

// bytes reads that many bytes; they are valid until the next call.
func (d *decoder) bytes(n int64) ([]byte, error) {
	if n > maxItem {
		return nil, garbage("an item of %d bytes", n)
	}
	if int64(cap(d.buf)) < n {
		d.buf = make([]byte, n)
	}
	b := d.buf[:n]
	read, err := io.ReadFull(d.in, b)
	d.read += int64(read)
	return b, err
}

func (d *decoder) discard(n int64) error {
	discarded, err := io.CopyN(io.Discard, d.in, n)
	d.read += discarded
	return err
}
