package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Documents are read as streams: of a List of 150,000 pods, one is in memory at a time.

const (
	// mostValue is the most that one object may take, and one field beside a List's items, in bytes. The API server
	// stores objects of up to 1.5 MiB; a kubelet's Summary of 500 pods with five containers each has 2 MB.
	mostValue = 16 << 20
	// deepest level of Lists within Lists; nobody nests them on purpose.
	deepest = 4
)

var errLargeValue = errors.New("holds an object of more than 16 MiB, which no API server stores")

// jsonOptions: repeated names are found when an object is decoded, which names the field; a broken character in a
// message is no reason to refuse a dump.
var jsonOptions = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// meter passes a file on, counts its lines, and fails where a value goes beyond mostValue.
type meter struct {
	r     io.Reader
	left  int
	lines int
	// err of reading, but for the end of the file.
	err error
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		m.err = errLargeValue
		return 0, m.err
	}
	n, err := m.r.Read(p)
	if err != io.EOF {
		m.err = err
	}
	m.left -= n
	m.lines += bytes.Count(p[:n], []byte("\n"))
	return n, err
}

// stream reads the JSON documents of a file, one object after the other.
type stream struct {
	c   *collector
	d   *jsontext.Decoder
	in  *meter
	raw [][]byte // the object that is being read at each level, used again for the next
	// firstLine of the stream in its file.
	firstLine int
	// parts of one document, read one by one, are of one list; rest follows: this is not the last part.
	parts *list
	rest  bool
}

func (c *collector) newStream(r io.Reader, firstLine int) *stream {
	in := &meter{r: r, left: mostValue}
	return &stream{c: c, in: in, d: jsontext.NewDecoder(in, jsonOptions...), firstLine: firstLine}
}

// json reads a file that begins with JSON. Between documents there may be logs, as kubectl cluster-info dump prints
// them, and where YAML goes on, JSON was its first document.
func (c *collector) json(f *file, r *bufio.Reader) error {
	at := location{file: f}
	s := c.newStream(r, 1)
	for {
		if s.d.PeekKind() == 0 {
			if _, err := s.d.ReadToken(); errors.Is(err, io.EOF) {
				return nil
			} else if s.in.err != nil {
				return s.broken(at, err)
			}
			line := s.line(s.d.InputOffset())
			rest := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(bytes.Clone(s.d.UnreadBuffer())), r), chunkSize)
			next, err := c.between(at, rest, line)
			if next == 0 {
				return err
			}
			r, s = rest, c.newStream(rest, next)
			continue
		}
		at.document++
		if err := s.value(at, metav1.TypeMeta{}, nil); err != nil {
			return err
		}
	}
}

// between reads what stands between JSON documents, or behind them, from a line on, and returns the line on which JSON
// goes on, 0 where the file ends.
func (c *collector) between(at location, r *bufio.Reader, line int) (next int, err error) {
	for {
		head, err := r.Peek(peekSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, at.unreadable(err)
		}
		blank := len(head) - len(bytes.TrimLeft(head, " \t\r\n"))
		line += bytes.Count(head[:blank], []byte("\n"))
		_, _ = r.Discard(blank) // it was just seen
		head = head[blank:]
		switch {
		case len(head) == 0 && blank > 0:
		case len(head) == 0:
			return 0, nil
		case head[0] == '{' || head[0] == '[':
			return line, nil
		case startOfLogs.Match(head):
			lines, err := skipLogs(r)
			if err != nil && !errors.Is(err, io.EOF) {
				return 0, at.unreadable(err)
			}
			line += lines
			c.omitted.count(omittedLogs, at.name)
		case bytes.HasPrefix(head, []byte("---")) && !at.namedJSON():
			return 0, c.yaml(at.file, r, at.document, line-1)
		default:
			return 0, at.fault(omittedBroken, "is not JSON: line %d: %q follows", line, excerpt([]byte(FirstLine(string(head)))))
		}
	}
}

func isTruncated(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }

// line returns the line of an offset in what the decoder has read or has in its buffer.
func (s *stream) line(offset int64) int {
	unread := s.d.UnreadBuffer()
	from := min(max(offset-s.d.InputOffset(), 0), int64(len(unread)))
	return s.firstLine + s.in.lines - bytes.Count(unread[from:], []byte("\n"))
}

// broken says what is wrong with the JSON of a file.
func (s *stream) broken(at location, err error) error {
	syntax := (*jsontext.SyntacticError)(nil)
	switch {
	case s.in.err != nil:
		return at.unreadable(s.in.err)
	case !errors.As(err, &syntax):
		return at.unreadable(err)
	case isTruncated(err):
		return at.fault(omittedBroken, "is truncated: it ends within a JSON object, in line %d", s.line(syntax.ByteOffset))
	}
	return at.fault(omittedBroken, "is not JSON: line %d: %s", s.line(syntax.ByteOffset), syntax.Err)
}

// value reads a value of a file's top level, or an item of the list it is in.
func (s *stream) value(at location, listed metav1.TypeMeta, of *list) error {
	s.in.left = mostValue
	switch s.d.PeekKind() {
	case '{':
		return s.object(at, listed, of)
	case '[':
		if at.level < deepest && at.answer() == (metav1.TypeMeta{}) {
			return s.array(at, listed, &list{bare: true})
		}
	}
	raw, err := s.d.ReadValue()
	if err != nil {
		return s.broken(at, err)
	}
	return s.c.settle(at.file, at.fault(omittedForeign, "%s", at.within(&fieldError{why: excerpt(raw) + " is not an object"})))
}

// array reads items: of a List, or of a bare array, whose items say themselves what they are.
func (s *stream) array(at location, listed metav1.TypeMeta, of *list) error {
	at.level++
	if _, err := s.d.ReadToken(); err != nil {
		return s.broken(at, err)
	}
	field := at.item
	for ; s.d.PeekKind() != ']'; of.items++ {
		at.item = fmt.Sprintf("%s[%d]", field, of.items)
		if err := s.value(at, listed, of); err != nil {
			return err
		}
		if s.d.PeekKind() == 0 {
			break
		}
	}
	if _, err := s.d.ReadToken(); err != nil {
		return s.broken(at, err)
	}
	return nil
}

// object reads an object: its fields one by one, a List's items one after the other.
func (s *stream) object(at location, listed metav1.TypeMeta, of *list) error {
	for len(s.raw) <= at.level {
		s.raw = append(s.raw, nil)
	}
	if _, err := s.d.ReadToken(); err != nil {
		return s.broken(at, err)
	}
	own := &list{}
	if at.level == 0 && s.parts != nil {
		own = s.parts
	}
	raw, err := s.fields(at, own)
	if err != nil {
		return err
	}
	if at.level == 0 && s.rest {
		return nil
	}
	return s.c.settle(at.file, s.c.take(at, raw, listed, own, of))
}

// fields reads the fields of an object, and returns them without its items.
func (s *stream) fields(at location, own *list) ([]byte, error) {
	raw := append(s.raw[at.level][:0], '{')
	for s.d.PeekKind() == '"' {
		name, err := s.d.ReadValue()
		if err != nil {
			return nil, s.broken(at, err)
		}
		if len(raw) > 1 {
			raw = append(raw, ',')
		}
		raw = append(append(raw, name...), ':')
		key := string(name) // the decoder uses the bytes again
		if key == `"items"` && s.d.PeekKind() == '[' && own.open() {
			raw = append(raw, "[]"...)
			if err := s.items(at, own); err != nil {
				return nil, err
			}
			continue
		}
		value, err := s.d.ReadValue()
		if err != nil {
			return nil, s.broken(at, err)
		}
		own.learn(key, value)
		if raw = append(raw, value...); len(raw) > mostValue {
			return nil, at.unreadable(errLargeValue)
		}
	}
	if _, err := s.d.ReadToken(); err != nil {
		return nil, s.broken(at, err)
	}
	s.raw[at.level] = append(raw, '}')
	return s.raw[at.level], nil
}

// items reads the items of the object at a location.
func (s *stream) items(at location, own *list) error {
	if at.level >= deepest {
		return at.fault(omittedBroken, "Lists within Lists, more than %d deep", deepest)
	}
	own.has = true
	at.item = "items"
	return s.array(at, own.listed(), own)
}
