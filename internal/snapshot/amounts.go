package snapshot

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/internal/quantity"
)

// Quantities parse themselves while an object is decoded, before anything could look at them, so they are looked at
// before the object is decoded.

// mayBeUnbounded reports whether the JSON might have an amount that is not to be parsed: a value that begins as a number
// and goes on with an exponent of more digits than are allowed, or has more digits than fit, or such characters written as
// escapes. Hashes have such digits in plenty, but not at the beginning of a value.
func mayBeUnbounded(raw []byte) bool {
	digits, number := 0, false // of the value up to here, which is a number so far
	for i, b := range raw {
		switch {
		case b >= '0' && b <= '9' || b == '.' || b == '+' || b == '-':
			if digits++; number && digits > quantity.MaxLength/2 {
				return true
			}
		case b|0x20 == 'e' && number && digits > 0 && longExponent(raw[i+1:]), b == '\\' && escapedAmount(raw[i+1:]):
			return true
		default:
			digits, number = 0, delimits[b]
		}
	}
	return false
}

// delimits tells which bytes stand before a value in JSON.
var delimits = [256]bool{'"': true, ':': true, ',': true, '[': true, ' ': true, '\t': true, '\r': true, '\n': true}

func longExponent(s []byte) bool {
	s = bytes.TrimLeft(s, "+-")
	for i := range quantity.MaxExponentDigits + 1 {
		if i >= len(s) || s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// escapedAmount reports whether what follows a backslash writes a character of an amount: a digit, a sign, a point, e.
func escapedAmount(s []byte) bool {
	if len(s) < 5 || !bytes.HasPrefix(s, []byte("u00")) {
		return false
	}
	code, err := strconv.ParseUint(string(s[3:5]), 16, 8)
	return err == nil && bytes.IndexByte([]byte("0123456789+-.eE"), byte(code)) >= 0
}

var typeQuantity = reflect.TypeFor[resource.Quantity]()

// checkBounded finds an amount that is not to be parsed.
func checkBounded(t reflect.Type, raw []byte, path string) *fieldError {
	if t != typeQuantity {
		return nil
	}
	text := string(bytes.TrimSpace(raw))
	if strings.HasPrefix(text, `"`) {
		_ = json.Unmarshal(raw, &text) // it was read as JSON before
	}
	if quantity.Bounded(text) {
		return nil
	}
	return &fieldError{path, excerpt(raw) + " is not an amount of anything"}
}
