package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	kjson "sigs.k8s.io/json"
)

// fieldError is a field of an object that cannot be read, and why.
type fieldError struct{ path, why string }

func (e *fieldError) Error() string {
	if e.path == "" {
		return e.why
	}
	return e.path + ": " + e.why
}

// Decode reads an object from JSON, as the files of a snapshot are read: it is strict about types, amounts and repeated
// fields, bounds amounts before they are parsed, and tolerates unknown fields. Its error is one line that names the field.
func Decode(raw []byte, into any) error {
	if mayBeUnbounded(raw) {
		if wrong := firstWrong(reflect.TypeOf(into).Elem(), raw, "", checkBounded); wrong != nil {
			return wrong
		}
	}
	return decodeStrict(raw, into)
}

// decodeStrict decodes types that hold no resource.Quantity: their amounts need no bounds.
func decodeStrict(raw []byte, into any) error {
	repeated, err := kjson.UnmarshalStrict(raw, into, kjson.DisallowDuplicateFields)
	if err != nil {
		if wrong := firstWrong(reflect.TypeOf(into).Elem(), raw, "", checkFit); wrong != nil {
			return wrong
		}
		return &fieldError{why: FirstLine(err.Error())}
	}
	if len(repeated) == 0 {
		return nil
	}
	if f := kjson.FieldError(nil); errors.As(repeated[0], &f) {
		return &fieldError{f.FieldPath(), "appears twice"}
	}
	return &fieldError{why: FirstLine(repeated[0].Error())}
}

// checkFit finds a value that does not fit its type. Decoders do not say which field it is when a type reads itself, as
// quantities do.
func checkFit(t reflect.Type, raw []byte, path string) *fieldError {
	if string(bytes.TrimSpace(raw)) == "null" || json.Unmarshal(raw, reflect.New(t).Interface()) == nil {
		return nil
	}
	return &fieldError{path, excerpt(raw) + " is not " + noun(t)}
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// checkValue says what is wrong with a value, read as the type; nil if nothing is.
type checkValue func(t reflect.Type, raw []byte, path string) *fieldError

// firstWrong checks the parts of a value, read as the type, and returns what is wrong with the first that is, nil if none
// is. A struct, a map or a list is checked itself only where its parts cannot be told.
func firstWrong(t reflect.Type, raw []byte, path string, check checkValue) *fieldError {
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return check(t, raw, path)
	}
	switch {
	case t.Kind() == reflect.Pointer:
		return firstWrong(t.Elem(), raw, path, check)
	case t.Kind() == reflect.Struct:
		return firstWrongField(t, raw, path, check)
	case t.Kind() == reflect.Map:
		var values map[string]json.RawMessage
		if json.Unmarshal(raw, &values) != nil {
			return check(t, raw, path)
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if wrong := firstWrong(t.Elem(), values[key], join(path, key), check); wrong != nil {
				return wrong
			}
		}
		return nil
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		var values []json.RawMessage
		if json.Unmarshal(raw, &values) != nil {
			return check(t, raw, path)
		}
		for i, value := range values {
			if wrong := firstWrong(t.Elem(), value, fmt.Sprintf("%s[%d]", path, i), check); wrong != nil {
				return wrong
			}
		}
		return nil
	}
	return check(t, raw, path)
}

func firstWrongField(t reflect.Type, raw []byte, path string, check checkValue) *fieldError {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return check(t, raw, path)
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			if wrong := firstWrong(f.Type, raw, path, check); wrong != nil {
				return wrong
			}
			continue
		}
		if value, ok := fields[name]; ok {
			if wrong := firstWrong(f.Type, value, join(path, name), check); wrong != nil {
				return wrong
			}
		}
	}
	return nil
}

// join appends a field's name to a path, in brackets if it has dots or slashes of its own.
func join(path, name string) string {
	switch {
	case strings.ContainsAny(name, "./"):
		return path + "[" + name + "]"
	case path == "":
		return name
	}
	return path + "." + name
}

// nouns of the types that read themselves.
var nouns = map[reflect.Type]string{
	reflect.TypeFor[resource.Quantity]():  "a quantity such as 200Mi",
	reflect.TypeFor[metav1.Time]():        "a time such as 2026-11-24T06:00:00Z",
	reflect.TypeFor[metav1.MicroTime]():   "a time such as 2026-11-24T06:00:00.000000Z",
	reflect.TypeFor[metav1.Duration]():    "a period such as 1m30s",
	reflect.TypeFor[intstr.IntOrString](): "a number or a string",
}

func noun(t reflect.Type) string {
	if n, ok := nouns[t]; ok {
		return n
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number (" + t.Kind().String() + ")"
	case reflect.Uint32, reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// mostExcerpt is how much of a value messages show, in characters.
const mostExcerpt = 40

// excerpt is a value as it stands in the file, cut to what fits a message.
func excerpt(raw []byte) string {
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		compact.Reset()
		compact.Write(raw)
	}
	s := []rune(compact.String())
	if len(s) > mostExcerpt {
		return string(s[:mostExcerpt]) + "..."
	}
	return string(s)
}

// FirstLine of a text.
func FirstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
