package status

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

func digestOf(s *v1alpha1.NodeKillOrderStatus) uint64 {
	d := newDigest()
	d.add(reflect.ValueOf(s))
	return d.Sum64()
}

// fill sets every field below v to something, and calls each for every value that can be changed by itself, with a function that
// changes the value and one that puts the value back.
func fill(v reflect.Value, path string, each func(path string, change, restore func())) {
	set := func(to any) {
		before := reflect.New(v.Type()).Elem()
		before.Set(v)
		each(path, func() { v.Set(reflect.ValueOf(to).Convert(v.Type())) }, func() { v.Set(before) })
	}
	switch v.Interface().(type) {
	case resource.Quantity:
		v.Set(reflect.ValueOf(resource.MustParse("1Gi")))
		set(resource.MustParse("1025Mi"))
		return
	case metav1.Time:
		v.Set(reflect.ValueOf(metav1.Unix(1000, 0)))
		set(metav1.NewTime(time.Unix(1001, 0)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, each)
		set(reflect.Zero(v.Type()).Interface())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name, each)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), fmt.Sprint(path, "[", i, "]"), each)
		}
		set(v.Slice(0, 1).Interface())
	case reflect.String:
		v.SetString("a")
		set("b")
	case reflect.Bool:
		set(true)
	default:
		set(7)
	}
}

// TestDigestSeesEverything: a change of any one value of a status changes the digest, and the same value again brings the digest back.
func TestDigestSeesEverything(t *testing.T) {
	type part struct {
		path            string
		change, restore func()
	}
	s, parts := &v1alpha1.NodeKillOrderStatus{}, []part(nil)
	fill(reflect.ValueOf(s).Elem(), "status", func(path string, change, restore func()) {
		parts = append(parts, part{path, change, restore})
	})
	full, seen := digestOf(s), map[uint64]string{}
	for _, p := range parts {
		p.change()
		got := digestOf(s)
		if got == full {
			t.Errorf("%s: changed, and the digest is the same", p.path)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("%s and %s: the same digest", p.path, other)
		}
		seen[got] = p.path
		p.restore()
		if digestOf(s) != full {
			t.Errorf("%s: the same value, and another digest", p.path)
		}
	}
	if len(parts) < 150 {
		t.Errorf("only %d values", len(parts))
	}
}

func TestDigestOfNothing(t *testing.T) {
	empty, none := &v1alpha1.NodeKillOrderStatus{EvictionOrder: []v1alpha1.EvictionVictim{}}, &v1alpha1.NodeKillOrderStatus{}
	if digestOf(empty) != digestOf(none) {
		t.Error("an empty list is not as none")
	}
}
