package status

import (
	"encoding/binary"
	"hash/maphash"
	"reflect"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// digestSeed is one and the same for all digests of this process.
var digestSeed = maphash.MakeSeed()

var (
	quantityType = reflect.TypeFor[resource.Quantity]()
	timeType     = reflect.TypeFor[metav1.Time]()
)

// digest hashes what values of our API say. Two values with the same digest say the same: quantities count in whole bytes, times in whole
// seconds, and an empty list is as none. To encode a status as JSON for a hash would take ten times as long, and a status is hashed
// whenever a node is judged.
type digest struct{ maphash.Hash }

func newDigest() *digest {
	d := &digest{}
	d.SetSeed(digestSeed)
	return d
}

// add adds the value that v holds, and all that it points to. Our API has no other kinds of values than those here.
func (d *digest) add(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		d.flag(!v.IsNil())
		if !v.IsNil() {
			d.add(v.Elem())
		}
	case reflect.Struct:
		d.addStruct(v)
	case reflect.Slice:
		d.number(int64(v.Len()))
		for i := range v.Len() {
			d.add(v.Index(i))
		}
	case reflect.String:
		d.number(int64(v.Len()))
		_, _ = d.WriteString(v.String()) // a hash takes everything
	case reflect.Bool:
		d.flag(v.Bool())
	default:
		d.number(v.Int())
	}
}

func (d *digest) addStruct(v reflect.Value) {
	switch v.Type() {
	case quantityType:
		q, _ := reflect.TypeAssert[*resource.Quantity](v.Addr())
		d.number(q.Value())
	case timeType:
		t, _ := reflect.TypeAssert[*metav1.Time](v.Addr())
		d.number(t.Unix())
	default:
		for i := range v.NumField() { //nolint:modernize // Fields allocates a StructField for each
			d.add(v.Field(i))
		}
	}
}

func (d *digest) flag(set bool) {
	b := byte(0)
	if set {
		b = 1
	}
	_ = d.WriteByte(b)
}

func (d *digest) number(n int64) {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], uint64(n))
	_, _ = d.Write(b[:])
}
