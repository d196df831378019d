package summary

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxSummary bounds an answer of /stats/summary, in bytes.
	maxSummary = 16 << 20
	// maxToken bounds a name, text or number in the answer, in bytes: the decoder keeps each of them in memory as a whole.
	maxToken = 4 << 10
	// maxDepth bounds how deep objects and arrays are nested. In a Summary they are nested 8 deep.
	maxDepth = 32
)

// BoundError says which bound an answer exceeds, as the rest of a sentence about the answer. No real kubelet sends such an
// answer.
type BoundError string

func (e BoundError) Error() string { return "it " + string(e) }

var (
	errTooLarge  error = BoundError(fmt.Sprintf("is larger than %d MiB", maxSummary>>20))
	errLongToken error = BoundError(fmt.Sprintf("has a text or number longer than %d kB", maxToken>>10))
	errTooDeep   error = BoundError(fmt.Sprintf("is nested more than %d deep", maxDepth))
)

// bounded is an answer on its way to the decoder. The decoder asks for more only when its buffer ends within a token. So
// Read is the place to refuse an answer, before the decoder's buffer grows.
type bounded struct {
	reader   io.Reader
	json     *jsontext.Decoder
	maxBytes int64
	given    int64
	// err is why the answer was refused, nil if it was not.
	err error
}

// Read gives the decoder more of the answer.
func (b *bounded) Read(p []byte) (int, error) {
	switch {
	case b.given > b.maxBytes:
		b.err = errTooLarge
	case b.given-b.json.InputOffset() > maxToken:
		b.err = errLongToken
	case b.json.StackDepth() > maxDepth:
		b.err = errTooDeep
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.reader.Read(p)
	b.given += int64(n)
	return n, err
}
