package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// tiny is a number such as 1e-9999999. Parsing it as a quantity takes seconds, minutes with a digit more.
var tiny = regexp.MustCompile(`^[+-]?[0-9.]+[eE]-\d{4,}$`)

// tinyNumber finds a value that is such a number, nil if there is none.
func tinyNumber(raw []byte) *fieldError {
	for rest := raw; ; {
		i := bytes.IndexByte(rest, '-')
		if i < 0 {
			return nil
		}
		if mayBeTiny(rest, i) {
			return findTiny(raw, "")
		}
		rest = rest[i+1:]
	}
}

// mayBeTiny looks at what surrounds the minus at i: names, times and UIDs are full of them.
func mayBeTiny(s []byte, i int) bool {
	if i < 2 || s[i-1]|0x20 != 'e' {
		return false
	}
	from, to := i-2, i+1
	for from >= 0 && (digit(s[from]) || s[from] == '.' || s[from] == '+' || s[from] == '-') {
		from--
	}
	for to < len(s) && digit(s[to]) {
		to++
	}
	whole := (from < 0 || bytes.IndexByte(delimiters, s[from]) >= 0) && (to == len(s) || bytes.IndexByte(delimiters, s[to]) >= 0)
	return whole && from < i-2 && to > i+4
}

// delimiters of a value in JSON.
var delimiters = []byte("\":,[]{} \t\r\n")

func digit(b byte) bool { return b >= '0' && b <= '9' }

// findTiny walks all values, which is slow, and rarely done.
func findTiny(raw []byte, path string) *fieldError {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) == nil {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if wrong := findTiny(fields[name], join(path, name)); wrong != nil {
				return wrong
			}
		}
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) == nil {
		for i, item := range items {
			if wrong := findTiny(item, fmt.Sprintf("%s[%d]", path, i)); wrong != nil {
				return wrong
			}
		}
		return nil
	}
	if !tiny.Match(bytes.Trim(raw, `" `)) {
		return nil
	}
	return &fieldError{path, excerpt(raw) + " is not an amount of anything"}
}
