package packed_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/killorder/killorder/internal/packed"
)

func TestText(t *testing.T) {
	for name, want := range map[string]string{
		"empty": "", "short": "a", "rows": strings.Repeat("RANK  POD  QOS\n", 500), "no text": "\x00\xff\x1b[1m",
	} {
		t.Run(name, func(t *testing.T) {
			in := []byte(want)
			p, err := packed.PackText(in)
			if err != nil {
				t.Fatal(err)
			}
			clear(in)
			for range 2 {
				var got bytes.Buffer
				if err := p.Write(&got); err != nil || got.String() != want {
					t.Errorf("%q, %v; want %q", got.String(), err, want)
				}
			}
		})
	}
	var none bytes.Buffer
	if err := (packed.Text{}).Write(&none); err != nil || none.Len() > 0 {
		t.Errorf("the zero value: %q, %v", none.String(), err)
	}
}

type full struct{}

var errFull = errors.New("no space")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestTextNotWritten(t *testing.T) {
	p, err := packed.PackText([]byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(full{}); !errors.Is(err, errFull) {
		t.Errorf("%v, want %v", err, errFull)
	}
}
