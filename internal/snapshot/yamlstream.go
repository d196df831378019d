package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// mostPart is how much of a long List is turned into JSON at a time, in bytes of YAML.
const mostPart = 1 << 20

// yamlStream reads the YAML documents of a file, line by line. A List of many items is read in parts.
type yamlStream struct {
	c  *collector
	at location
	r  *bufio.Reader
	// line that is read next, from 1; first is the line that part begins with.
	line, first int
	part        []byte
	// list of the document whose parts are read.
	list *list
	// inItems: the lines are those of the items of the document's List, which begin with dash.
	inItems bool
	dash    []byte
}

// yaml reads a file's YAML documents, which begin after so many documents of JSON and so many lines.
func (c *collector) yaml(f *file, r *bufio.Reader, documents, lines int) error {
	y := &yamlStream{c: c, at: location{file: f, document: documents}, r: r, line: lines + 1, list: &list{}}
	for {
		more, err := y.next()
		if err != nil || !more {
			return err
		}
	}
}

// next reads a line, or a container's logs.
func (y *yamlStream) next() (more bool, err error) {
	head, err := y.r.Peek(4)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return false, y.at.unreadable(err)
	case len(head) == 0:
		if err := y.end(); err != nil || y.at.document > 0 {
			return false, err
		}
		return false, y.at.fault(omittedEmpty, "is empty")
	case string(head) == "====":
		if logs, err := y.logs(); logs {
			return true, err
		}
	}
	start := len(y.part)
	if err := y.readLine(); err != nil {
		return false, err
	}
	y.line++
	return true, y.take(start)
}

// logs skips a container's logs, as kubectl cluster-info dump prints them.
func (y *yamlStream) logs() (found bool, err error) {
	head, err := y.r.Peek(peekSize)
	if err != nil && !errors.Is(err, io.EOF) || !startOfLogs.Match(head) {
		return false, nil
	}
	if err := y.end(); err != nil {
		return true, err
	}
	lines, err := skipLogs(y.r)
	y.line += lines
	y.c.omitted.count(omittedLogs, y.at.name)
	if err != nil && !errors.Is(err, io.EOF) {
		return true, y.at.unreadable(err)
	}
	return true, nil
}

// readLine appends a line to the part.
func (y *yamlStream) readLine() error {
	for {
		piece, err := y.r.ReadSlice('\n')
		if y.part = append(y.part, piece...); len(y.part) > mostValue {
			return y.at.unreadable(errLargeValue)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil, errors.Is(err, io.EOF):
			return nil
		default:
			return y.at.unreadable(err)
		}
	}
}

// take looks at the line that has been appended to the part.
func (y *yamlStream) take(start int) error {
	line := bytes.TrimRight(y.part[start:], "\r\n")
	switch {
	case isSeparator(line, "---"):
		rest := bytes.Clone(line[3:]) // what follows on the line belongs to the document
		y.part = y.part[:start]
		if err := y.end(); err != nil {
			return err
		}
		if !isBlank(rest) {
			y.first, y.part = y.line-1, append(append(y.part, rest...), '\n')
		}
		return nil
	case isSeparator(line, "..."):
		y.part = y.part[:start]
		return y.end()
	case start == 0 && isBlank(line):
		y.part = y.part[:0]
		return nil
	case start == 0:
		y.first = y.line - 1
	}
	return y.items(start, line)
}

func isSeparator(line []byte, mark string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(mark))
	return ok && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t')
}

// isBlank reports whether there is nothing in the line but blanks and a comment.
func isBlank(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return len(line) == 0 || line[0] == '#'
}

// items follows where a document's items begin and end, and reads the part where it is long enough. An item is one from
// a dash to the next dash with the same indentation.
func (y *yamlStream) items(start int, line []byte) error {
	indented := bytes.TrimLeft(line, " ")
	dashed := bytes.HasPrefix(indented, []byte("- ")) || string(indented) == "-"
	switch {
	case string(line) == "items:" || bytes.HasPrefix(line, []byte("items: #")):
		y.inItems, y.dash = true, nil
	case !y.inItems || isBlank(line):
	case dashed && y.dash == nil:
		y.dash = bytes.Clone(line[:len(line)-len(indented)+1])
	case dashed && len(y.part) > mostPart && bytes.HasPrefix(line, y.dash):
		item := bytes.Clone(y.part[start:])
		y.part = y.part[:start]
		if err := y.read(true); err != nil {
			return err
		}
		y.first, y.part = y.line-2, append(append(y.part[:0], "items:\n"...), item...)
	case len(indented) == len(line) && !dashed:
		y.inItems = false // another field of the List
	}
	return nil
}

// end reads what is left of a document.
func (y *yamlStream) end() error {
	err := y.read(false)
	y.part, y.list, y.inItems = y.part[:0], &list{}, false
	return err
}

// read reads the part; rest of its document follows, or not.
func (y *yamlStream) read(rest bool) error {
	if len(y.part) == 0 {
		return nil
	}
	if y.list.items == 0 {
		y.at.document++
	}
	return y.c.settle(y.at.file, y.readPart(rest))
}

func (y *yamlStream) readPart(rest bool) error {
	if err := checkAliases(y.part); err != nil {
		return y.at.fault(omittedBroken, "is not YAML: %s", yamlError(err, y.first))
	}
	raw, err := yaml.YAMLToJSONStrict(y.part)
	if err != nil {
		return y.at.fault(omittedBroken, "is not YAML: %s", yamlError(err, y.first))
	}
	if string(raw) == "null" {
		return nil
	}
	s := y.c.newStream(bytes.NewReader(raw), 1)
	s.parts, s.rest = y.list, rest
	return s.value(y.at, y.list.listed(), nil)
}

var yamlLine = regexp.MustCompile(`line (\d+): ?`)

// yamlError is the first of a YAML library's complaints, its line counted from the beginning of the file.
func yamlError(err error, first int) string {
	text := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	text = strings.TrimPrefix(strings.TrimPrefix(text, "yaml: "), "unmarshal errors:\n")
	text = FirstLine(strings.TrimSpace(text))
	return yamlLine.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.Atoi(yamlLine.FindStringSubmatch(s)[1])
		return fmt.Sprintf("line %d: ", n+first-1)
	})
}
