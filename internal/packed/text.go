package packed

import (
	"fmt"
	"io"
)

// Text is a text in a fraction of its memory. The zero value is the empty text.
type Text struct{ deflated []byte }

// PackText packs a text, which the caller may change afterwards.
func PackText(text []byte) (Text, error) {
	deflated, err := deflate(text)
	if err != nil {
		return Text{}, fmt.Errorf("pack a text: %w", err)
	}
	return Text{deflated}, nil
}

// Write writes the text to w. An error of w is returned unchanged.
func (t Text) Write(w io.Writer) error {
	if t.deflated == nil {
		return nil
	}
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)
	if err := in.inflate(t.deflated); err != nil {
		return fmt.Errorf("unpack a text: %w", err)
	}
	_, err := w.Write(in.text.Bytes())
	return err
}
