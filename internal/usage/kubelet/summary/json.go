package summary

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/killorder/killorder/internal/facts"
)

// object reads an object member by member. null counts as an object without members.
func (d *Decoder) object(member func(d *Decoder, name []byte) error) error {
	switch d.json.PeekKind() {
	case 'n':
		return d.json.SkipValue()
	case '{':
	default:
		return d.unexpected("an object")
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() != '}' {
		name, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		if err := member(d, name); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// array reads an array item by item. null counts as an array without items.
func (d *Decoder) array(item func(*Decoder) error) error {
	switch d.json.PeekKind() {
	case 'n':
		return d.json.SkipValue()
	case '[':
	default:
		return d.unexpected("an array")
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() != ']' {
		if err := item(d); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// unexpected says where something other than the wanted value stands. If the next bytes are no JSON, unexpected returns the
// decoder's own error.
func (d *Decoder) unexpected(wanted string) error {
	where := string(d.json.StackPointer())
	if _, err := d.json.ReadValue(); err != nil {
		return err
	}
	return fmt.Errorf("%s: not %s", where, wanted)
}

// text appends a string in place of what dst holds.
func (d *Decoder) text(dst []byte) ([]byte, error) {
	value, err := d.scalar('"', "a string")
	if err != nil || value == nil {
		return dst[:0], err
	}
	return jsontext.AppendUnquote(dst[:0], value)
}

// amount in bytes, at most facts.MaxBytes; Unknown if null.
func (d *Decoder) amount() (int64, error) {
	value, err := d.scalar('0', "an amount in bytes")
	if err != nil || value == nil {
		return facts.Unknown, err
	}
	var bytes int64
	for _, c := range value {
		if c < '0' || c > '9' {
			return facts.Unknown, fmt.Errorf("%s: %.40q is not an amount in bytes", d.json.StackPointer(), string(value))
		}
		bytes = min(bytes*10+int64(c-'0'), facts.MaxBytes)
	}
	return bytes, nil
}

// time is zero if null.
func (d *Decoder) time() (t time.Time, err error) {
	value, err := d.scalar('"', "a time")
	if err != nil || value == nil {
		return t, err
	}
	if err := t.UnmarshalJSON(value); err != nil {
		return time.Time{}, fmt.Errorf("%s: %.40q is not a time", d.json.StackPointer(), string(value))
	}
	return t, nil
}

// scalar returns the value of that kind that comes next, nil for null.
func (d *Decoder) scalar(kind jsontext.Kind, wanted string) (jsontext.Value, error) {
	switch d.json.PeekKind() {
	case kind:
		return d.json.ReadValue()
	case 'n':
		return nil, d.json.SkipValue()
	}
	return nil, d.unexpected(wanted)
}
