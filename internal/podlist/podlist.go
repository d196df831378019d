// Package podlist reads lists of Pods as the API server encodes them. A list in protobuf is read Pod by Pod, and of each Pod what is
// wanted: so to read 150,000 Pods takes no more memory than to read one.
package podlist

import (
	"bufio"
	"errors"
	"io"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/killorder/killorder/internal/usage/metricsapi/wire"
)

// ErrNotProtobuf says that a list came in another encoding than protobuf, where only protobuf is read.
var ErrNotProtobuf = errors.New("the list is not in protobuf")

// Decoder says what of a list is decoded.
type Decoder struct {
	// JSON says that a list in JSON is read too, from a server, or a proxy before it, that does not speak protobuf. Such a list is held
	// as a whole, so it should be a page.
	JSON bool
	// Wanted is what is decoded of each Pod of a list in protobuf; nil for all of it.
	Wanted *wire.Wanted
	// Whole is called with each Pod of a list in protobuf once what is Wanted of the Pod is decoded. If Whole returns true, all of the Pod
	// is decoded. Whole may be nil.
	Whole func(*corev1.Pod) bool
}

// Decode hands over the Pods of a list, each a new object, and returns the list's metadata. A Pod that cannot be decoded is an error, as
// everywhere in client-go, and so is a list that ends early; the Pods before were handed over.
func (d Decoder) Decode(body io.Reader, take func(*corev1.Pod)) (*metav1.ListMeta, error) {
	in := bufio.NewReaderSize(body, 64<<10)
	if start, _ := in.Peek(len(wire.Magic)); string(start) != wire.Magic {
		if !d.JSON {
			return nil, ErrNotProtobuf
		}
		return decodeJSON(in, take)
	}
	var trimmed []byte
	meta := &metav1.ListMeta{}
	var bad error
	err := wire.DecodePage(in, "PodList",
		func(b []byte) { bad = errors.Join(bad, meta.Unmarshal(b)) },
		func(b []byte) {
			p := &corev1.Pod{}
			var err error
			if trimmed, err = d.Wanted.Trim(trimmed[:0], b); err == nil {
				err = p.Unmarshal(trimmed)
			}
			if err == nil && d.Whole != nil && d.Whole(p) {
				p = &corev1.Pod{}
				err = p.Unmarshal(b)
			}
			if err != nil {
				bad = errors.Join(bad, err)
				return
			}
			take(p)
		})
	return meta, errors.Join(err, bad)
}

var codecs = func() serializer.CodecFactory {
	s := runtime.NewScheme()
	utilruntime.Must(corev1.AddToScheme(s))
	return serializer.NewCodecFactory(s)
}()

// decodeJSON hands over the Pods of a list in JSON.
func decodeJSON(in io.Reader, take func(*corev1.Pod)) (*metav1.ListMeta, error) {
	answer, err := io.ReadAll(in)
	if err == nil && len(answer) == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	page := &corev1.PodList{}
	if err := runtime.DecodeInto(codecs.UniversalDeserializer(), answer, page); err != nil {
		return nil, err
	}
	for i := range page.Items {
		take(&page.Items[i])
	}
	return &page.ListMeta, nil
}
