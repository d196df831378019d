package wire

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/killorder/killorder/internal/quantity"
	"github.com/killorder/killorder/internal/usage"
)

// Number of a field.
type Number = protowire.Number

// Parsable reports whether the generated Unmarshal may be given an encoded message. Unmarshal makes whatever the message
// lists, in up to thirty times the bytes, and parses every quantity that it has at the path, whatever the exponent. The
// first field of the path is the list of containers, or the map of resources.
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
