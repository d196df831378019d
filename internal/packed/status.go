// Package packed keeps in little memory what many nodes or pods have each: published statuses, pods and texts.
package packed

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	fastjson "github.com/go-json-experiment/json"

	"github.com/killorder/killorder/api/v1alpha1"
)

// Status is a NodeKillOrder's status in a small part of the memory that the decoded one takes (BenchmarkPack): what is kept of a
// published status between two passes. The zero value is no status.
type Status struct{ deflated []byte }

// dictionary is a status of the operator, with other names: fields' names and texts that a status has in common with the dictionary need
// not be kept again. It was copied from an order by hand; a newer copy is never needed, it only packs better.
//
//go:embed dictionary.json
var dictionary []byte

// level of the compression: the least one that is fast and uses the dictionary well (BenchmarkPack).
const level = 5

// deflaters are reused, because each is a megabyte.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriterDict(io.Discard, level, dictionary)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

// Pack packs a status; nil becomes the zero value. The error says why the status is not JSON.
func Pack(s *v1alpha1.NodeKillOrderStatus) (Status, error) {
	if s == nil {
		return Status{}, nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return Status{}, fmt.Errorf("pack a status: %w", err)
	}
	deflated, err := deflate(text)
	if err != nil {
		return Status{}, fmt.Errorf("pack a status: %w", err)
	}
	return Status{deflated}, nil
}

func deflate(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&b)
	_, err := w.Write(text)
	if err == nil {
		err = w.Close()
	}
	return bytes.Clone(b.Bytes()), err
}

// inflaters and the text that they unpack to are reused: a judgement of each node unpacks one status.
var inflaters = sync.Pool{New: func() any { return &inflater{r: flate.NewReaderDict(nil, dictionary)} }}

type inflater struct {
	from bytes.Reader
	r    io.ReadCloser
	text bytes.Buffer
}

// Unpack returns a status of the caller's own, as the API server would return it; nil for the zero value.
func (p Status) Unpack() (*v1alpha1.NodeKillOrderStatus, error) {
	if p.IsZero() {
		return nil, nil
	}
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)
	err := in.inflate(p.deflated)
	s := &v1alpha1.NodeKillOrderStatus{}
	if err == nil {
		err = fastjson.Unmarshal(in.text.Bytes(), s)
	}
	if err != nil {
		return nil, fmt.Errorf("unpack a status: %w", err)
	}
	return s, nil
}

// inflate leaves what was deflated in in.text.
func (in *inflater) inflate(deflated []byte) error {
	in.from.Reset(deflated)
	in.text.Reset()
	if err := in.r.(flate.Resetter).Reset(&in.from, dictionary); err != nil {
		return err
	}
	_, err := in.text.ReadFrom(in.r)
	return err
}

// IsZero reports whether there is no status.
func (p Status) IsZero() bool { return p.deflated == nil }

// Equal reports whether two statuses are the same in each field.
func (p Status) Equal(q Status) bool { return bytes.Equal(p.deflated, q.deflated) }
