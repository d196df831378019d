package podcache_test

import (
	"reflect"
	"testing"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/podcache"
)

func fullPod() *facts.Pod {
	return &facts.Pod{
		Namespace: "shop", Name: "api", UID: "u", Node: "n", Workload: facts.Workload{Kind: "Job", Name: "j"},
		Labels: facts.Labels{"app", "api"},
		Containers: []facts.Container{{
			Name: "app", AtStart: &facts.Pod{Name: "api", Containers: []facts.Container{{Name: "app"}}},
		}},
	}
}

// TestEqualSeesEveryField changes one field after the other, in the pod, its containers, and what these started
// with: a fact added later and forgotten in Equal fails here.
func TestEqualSeesEveryField(t *testing.T) {
	if !podcache.Equal(fullPod(), fullPod()) {
		t.Fatal("equal pods differ")
	}
	reach := map[string]func(p *facts.Pod) any{
		"pod":                func(p *facts.Pod) any { return p },
		"workload":           func(p *facts.Pod) any { return &p.Workload },
		"container":          func(p *facts.Pod) any { return &p.Containers[0] },
		"pod at start":       func(p *facts.Pod) any { return p.Containers[0].AtStart },
		"container at start": func(p *facts.Pod) any { return &p.Containers[0].AtStart.Containers[0] },
		"workload at start":  func(p *facts.Pod) any { return &p.Containers[0].AtStart.Workload },
	}
	for name, target := range reach {
		fields := reflect.TypeOf(target(fullPod())).Elem()
		for i := range fields.NumField() {
			t.Run(name+" "+fields.Field(i).Name, func(t *testing.T) {
				p := fullPod()
				change(t, reflect.ValueOf(target(p)).Elem().Field(i))
				if podcache.Equal(fullPod(), p) || podcache.Equal(p, fullPod()) {
					t.Error("the difference is not seen")
				}
			})
		}
	}
}

func change(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Uint8:
		v.SetUint(v.Uint() + 1)
	case reflect.Int32, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	case reflect.Struct:
		change(t, v.Field(0))
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		} else {
			v.SetZero()
		}
	default:
		t.Fatalf("a field of kind %s: teach this test to change it", v.Kind())
	}
}

func TestEqualNil(t *testing.T) {
	if podcache.Equal(nil, fullPod()) || podcache.Equal(fullPod(), nil) || !podcache.Equal(nil, nil) {
		t.Error("nil is nothing but itself")
	}
}
