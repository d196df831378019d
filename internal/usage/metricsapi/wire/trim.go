package wire

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/killorder/killorder/internal/quantity"
	"github.com/killorder/killorder/internal/usage"
)

// Number of a field.
type Number = protowire.Number

// Wanted says which parts of an encoded message are wanted, so that the generated Unmarshal allocates nothing for the other
// parts.
type Wanted struct {
	// Fields that are wanted, by number. For a field that holds a message, the value says what is wanted of that message;
	// nil means all of the field.
	Fields map[Number]*Wanted
	// Keep, if any, chooses by the first field of the message that this Wanted describes: by the key if the message is an
	// entry of a map.
	Keep func(key []byte) bool
}

// Entry keeps the one entry of a map that has the key.
func Entry(key string) func([]byte) bool {
	return func(is []byte) bool { return string(is) == key }
}

// keyOfEntry is the number of the key in an entry of a map.
const keyOfEntry Number = 1

// Trim appends to a buffer what is wanted of a message, encoded as before.
func (w *Wanted) Trim(to, message []byte) ([]byte, error) {
	if w == nil {
		return append(to, message...), nil
	}
	for len(message) > 0 {
		number, value, rest, err := next(message)
		if err != nil {
			return to, err
		}
		field := message[:len(message)-len(rest)]
		message = rest
		of, isWanted := w.Fields[number]
		switch {
		case !isWanted:
		case of == nil || value == nil:
			to = append(to, field...)
		default:
			if to, err = of.append(to, number, value); err != nil {
				return to, err
			}
		}
	}
	return to, nil
}

// append appends a field that holds a message, trimmed. The length of the trimmed message is known only afterwards: four
// bytes are left free for it, and the length is then written as a varint of four bytes, longer than necessary. No item has
// 2^28 bytes.
func (w *Wanted) append(to []byte, number Number, message []byte) ([]byte, error) {
	if isEntry, err := w.isEntry(message); err != nil || !isEntry {
		return to, err
	}
	to = protowire.AppendTag(to, number, protowire.BytesType)
	to = append(to, 0, 0, 0, 0)
	begin := len(to)
	to, err := w.Trim(to, message)
	length := len(to) - begin
	for i := range 4 {
		to[begin-4+i] = byte(length>>(7*i))&0x7f | 0x80
	}
	to[begin-1] &= 0x7f
	return to, err
}

// Each calls do with each value of a field that holds messages, until do returns false.
func Each(message []byte, field Number, do func([]byte) bool) error {
	for len(message) > 0 {
		number, value, rest, err := next(message)
		if err != nil {
			return err
		}
		if message = rest; number == field && value != nil && !do(value) {
			return nil
		}
	}
	return nil
}

// isEntry reports whether a message is the wanted entry of a map, where one is wanted.
func (w *Wanted) isEntry(message []byte) (bool, error) {
	if w.Keep == nil {
		return true, nil
	}
	number, key, _, err := next(message)
	return number == keyOfEntry && w.Keep(key), err
}

// Parsable reports whether an encoded message may be given to the generated Unmarshal. Unmarshal allocates everything that
// the message lists, up to thirty times its bytes, and parses every quantity, however large the exponent. path leads to the
// quantities; its first field is the list of containers, or the map of resources.
func Parsable(message []byte, path []Number) bool {
	if len(path) == 0 {
		return quantity.Bounded(string(message))
	}
	for listed := 0; len(message) > 0; {
		number, value, rest, err := next(message)
		if err != nil {
			return false
		}
		message = rest
		if number != path[0] || value == nil {
			continue
		}
		if listed++; listed > usage.MaxContainers || !Parsable(value, path[1:]) {
			return false
		}
	}
	return true
}
