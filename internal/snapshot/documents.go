package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// document is one document of a file, as JSON.
type document struct {
	location
	json []byte
}

// location of a document, or of an item of its list.
type location struct {
	file string
	// document counts from 1; it is 0 in a file of one.
	document int
	// item is the item's field path, level how many lists it is in.
	item  string
	level int
}

func (l location) String() string {
	if l.document == 0 {
		return l.file
	}
	return fmt.Sprintf("%s, document %d", l.file, l.document)
}

// within puts the item before the field of an error.
func (l location) within(err error) error {
	if l.item == "" {
		return err
	}
	return fmt.Errorf("%s: %w", l.item, err)
}

func (l location) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %s", l, oneLine(fmt.Sprintf(format, args...)))
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

// documents splits a file's content and turns it into JSON. Empty documents are left out, but a file without
// any other is an error.
func documents(file string, content []byte) ([]document, error) {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) {
		return nil, location{file: file}.errorf("is UTF-16, must be UTF-8")
	}
	docs, err := split(file, content)
	if err == nil && len(docs) == 0 {
		return nil, location{file: file}.errorf("is empty")
	}
	return docs, err
}

// split tells JSON from YAML by the content: a brace begins JSON, or else a mapping in YAML.
func split(file string, content []byte) ([]document, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")) {
		return yamlDocuments(file, content)
	}
	docs, err := jsonDocuments(file, content)
	if err == nil || filepath.Ext(file) == extJSON {
		return docs, err
	}
	fromYAML, yamlErr := yamlDocuments(file, content)
	if yamlErr == nil || hasObjects(file) {
		return fromYAML, yamlErr
	}
	return nil, err
}

func jsonDocuments(file string, content []byte) ([]document, error) {
	if json.Valid(content) { // one document, as most files have, and not copied
		return []document{{location{file: file}, content}}, nil
	}
	var docs []document
	for d := json.NewDecoder(bytes.NewReader(content)); ; {
		var raw json.RawMessage
		err := d.Decode(&raw)
		if err == io.EOF {
			return number(docs), nil
		}
		if err != nil {
			return nil, location{file: file}.errorf("%s", jsonError(content, err))
		}
		docs = append(docs, document{location{file: file}, raw})
	}
}

func jsonError(content []byte, err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("is truncated: it ends within a JSON object, in line %d", lines(bytes.TrimRight(content, "\n")))
	}
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return fmt.Sprintf("is not JSON: line %d: %s", lines(content[:min(syntax.Offset, int64(len(content)))]), syntax)
	}
	return firstLine(err.Error())
}

// lines counts the lines that content begins.
func lines(content []byte) int { return 1 + bytes.Count(content, []byte("\n")) }

// number gives the documents of a file of several their numbers.
func number(docs []document) []document {
	for i := range docs {
		if len(docs) > 1 {
			docs[i].document = i + 1
		}
	}
	return docs
}

// separator begins a YAML document; what follows on its line belongs to it.
var separator = regexp.MustCompile(`(?m)^---(?:[ \t]|\r?$)`)

func yamlDocuments(file string, content []byte) ([]document, error) {
	var docs []document
	start := 0
	for _, next := range append(separator.FindAllIndex(content, -1), []int{len(content), len(content)}) {
		part, line := content[start:next[0]], lines(content[:start])
		start = next[1]
		raw, err := yaml.YAMLToJSONStrict(part)
		if err != nil {
			return nil, location{file: file}.errorf("is not YAML: %s", yamlError(err, line))
		}
		if string(raw) != "null" {
			docs = append(docs, document{location{file: file}, raw})
		}
	}
	return number(docs), nil
}

var yamlLine = regexp.MustCompile(`line (\d+): ?`)

// yamlError is the first of a YAML library's complaints, its line counted from the beginning of the file.
func yamlError(err error, first int) string {
	text := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	text = strings.TrimPrefix(strings.TrimPrefix(text, "yaml: "), "unmarshal errors:\n")
	text = firstLine(strings.TrimSpace(text))
	return yamlLine.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.Atoi(yamlLine.FindStringSubmatch(s)[1])
		return fmt.Sprintf("line %d: ", n+first-1)
	})
}
