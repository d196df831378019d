package text

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// YAML returns a JSON text as YAML, its fields in the same order. Texts with characters that a terminal might act on are
// double-quoted, and such characters escaped: YAML knows escapes in double quotes only.
func YAML(json []byte) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(escape(json, false), &document); err != nil {
		return nil, err
	}
	blocks(&document)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&document); err != nil {
		return nil, err
	}
	return escape(out.Bytes(), true), nil
}

// blocks lays a document out in lines, as YAML is written by people, where JSON has braces and quotes.
func blocks(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && (strings.ContainsFunc(n.Value, acts) || yaml11.MatchString(n.Value)) {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		blocks(c)
	}
}

// yaml11 matches the texts that YAML 1.1, which kubectl and many others read, takes for booleans and for numbers of base
// 60, and YAML 1.2, which the encoder writes, for texts. A namespace may be called "on".
var yaml11 = regexp.MustCompile(`^([yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$`)

// acts reports whether a terminal might act on a character.
func acts(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }

// EscapeJSON replaces each character that a terminal might act on by its \u escape, in a JSON text: such characters
// stand only inside strings, where the escape means the same. Line feeds stay: they stand between values.
func EscapeJSON(json []byte) []byte {
	out := make([]byte, 0, len(json))
	for len(json) > 0 {
		r, size := utf8.DecodeRune(json)
		switch {
		case r > 0xffff && acts(r):
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		case acts(r) || r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, json[:size]...)
		}
		json = json[size:]
	}
	return out
}

// escape replaces such characters in YAML, and those above U+FFFF only if long: JSON has no escape of one piece for them.
func escape(yaml []byte, long bool) []byte {
	out := make([]byte, 0, len(yaml))
	for len(yaml) > 0 {
		r, size := utf8.DecodeRune(yaml)
		switch {
		case r > 0xffff && acts(r) && long:
			out = fmt.Appendf(out, `\U%08x`, r)
		case r <= 0xffff && acts(r), r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, yaml[:size]...)
		}
		yaml = yaml[size:]
	}
	return out
}
