package recording

import (
	"strings"
	"unicode/utf8"
)

// style is how characters look, as the demo and the plugin set it.
type style struct {
	bold, dim bool
	color     byte // '1'..'7' as in the escape sequences 31..37 and 91..97; 0: the default
}

// span is text of one style, line is what stands in one row.
type span struct {
	text  string
	style style
}

type line []span

func (l line) text() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.text)
	}
	return b.String()
}

// parse splits a line at the escape sequences that set a style, and drops other
// escape sequences.
func parse(raw string) (out line) {
	now := style{}
	for raw != "" {
		before, after, found := strings.Cut(raw, "\x1b[")
		if before != "" {
			out = append(out, span{before, now})
		}
		if !found {
			break
		}
		end := strings.IndexFunc(after, func(r rune) bool { return r >= '@' && r <= '~' })
		if end < 0 {
			break
		}
		if after[end] == 'm' {
			now = now.set(after[:end])
		}
		raw = after[end+1:]
	}
	return out
}

func (s style) set(codes string) style {
	for code := range strings.SplitSeq(codes, ";") {
		switch {
		case code == "" || code == "0":
			s = style{}
		case code == "1":
			s.bold = true
		case code == "2":
			s.dim = true
		case code == "22":
			s.bold, s.dim = false, false
		case code == "39":
			s.color = 0
		case len(code) == 2 && (code[0] == '3' || code[0] == '9') && code[1] >= '1' && code[1] <= '7':
			s.color = code[1]
		}
	}
	return s
}

// wrap breaks a line as a terminal does, each time a row has as many characters
// as columns says. An empty line makes one empty row.
func wrap(l line, columns int) (rows []line) {
	row, free := line{}, columns
	for _, s := range l {
		for s.text != "" {
			if free == 0 {
				rows, row, free = append(rows, row), line{}, columns
			}
			head := first(s.text, free)
			row, free = append(row, span{head, s.style}), free-utf8.RuneCountInString(head)
			s.text = s.text[len(head):]
		}
	}
	return append(rows, row)
}

// first returns the first n characters.
func first(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
