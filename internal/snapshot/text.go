package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/encoding"
	utf "golang.org/x/text/encoding/unicode"
)

// text reads a file of text: JSON or YAML, told apart by how it begins.
func (c *collector) text(f *file, r *bufio.Reader, head []byte) error {
	if decoder := decoderOf(head); decoder != nil {
		r = bufio.NewReaderSize(decoder.Reader(r), chunkSize)
		var err error
		if head, err = r.Peek(peekSize); err != nil && !errors.Is(err, io.EOF) {
			return f.unreadable(err)
		}
	}
	head, err := skipBlank(r, head)
	if err != nil {
		return f.unreadable(err)
	}
	switch {
	case len(head) == 0:
		return f.fault(omittedEmpty, "is empty")
	case head[0] == '{' || head[0] == '[':
		if f.namedJSON() || beginsJSON(head) {
			return c.json(f, r)
		}
	case bytes.IndexByte(head, 0) >= 0:
		return f.fault(omittedForeign, "is not text")
	}
	return c.otherText(f, r, head)
}

// otherText reads a file that does not begin as JSON.
func (c *collector) otherText(f *file, r *bufio.Reader, head []byte) error {
	what := recognize(head)
	switch {
	case what != nil && what.skipped && f.found:
		return c.afterMessages(f, r)
	case what != nil:
		return f.fault(omittedForeign, "%s", what.say(head))
	case f.namedJSON() && !beginsYAML.Match(head):
		return f.fault(omittedForeign, "is not JSON: it begins with %q", FirstLine(string(head[:min(len(head), mostExcerpt)])))
	}
	return c.yaml(f, r, 0, 0)
}

// beginsYAML is how a mapping in YAML begins, which stands in many a file that is named .json.
var beginsYAML = regexp.MustCompile(`^(---|#|[A-Za-z]+:(\s|$))`)

// decoderOf returns what turns the text into UTF-8 without a byte order mark, nil where nothing needs to: PowerShell
// writes UTF-16.
func decoderOf(head []byte) *encoding.Decoder {
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return utf.UTF8BOM.NewDecoder()
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("{\x00")):
		return utf.UTF16(utf.LittleEndian, utf.UseBOM).NewDecoder()
	case bytes.HasPrefix(head, []byte("\xfe\xff")), bytes.HasPrefix(head, []byte("\x00{")):
		return utf.UTF16(utf.BigEndian, utf.UseBOM).NewDecoder()
	}
	return nil
}

// skipBlank skips blank space at the beginning of a file as far as it fills whole heads, and returns the head without the
// blank space that is left.
func skipBlank(r *bufio.Reader, head []byte) ([]byte, error) {
	for len(head) > 0 {
		if rest := bytes.TrimLeftFunc(head, unicode.IsSpace); len(rest) > 0 {
			return rest, nil
		}
		if _, err := r.Discard(len(head)); err != nil {
			return nil, err
		}
		var err error
		if head, err = r.Peek(peekSize); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	return nil, nil
}

// beginsJSON reports whether the beginning of a file could be that of JSON. In YAML a brace begins a mapping as well,
// mostly with a name without quotes.
func beginsJSON(head []byte) bool {
	for len(head) > 0 && !utf8.Valid(head) && !utf8.FullRune(head[len(head)-1:]) {
		head = head[:len(head)-1] // a character that is cut
	}
	d := jsontext.NewDecoder(bytes.NewReader(head), jsonOptions...)
	for {
		if _, err := d.ReadToken(); err != nil {
			return errors.Is(err, io.EOF) || isTruncated(err) || d.StackDepth() == 0
		}
	}
}
