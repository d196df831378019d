package status

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"

	"github.com/killorder/killorder/api/v1alpha1"
)

// filled sets every field below v: one element a list, one entry a map.
func filled(v reflect.Value) {
	switch v.Interface().(type) {
	case metav1.Time:
		v.Set(reflect.ValueOf(metav1.NewTime(time.Unix(1_800_000_000, 0))))
		return
	case resource.Quantity:
		v.Set(reflect.ValueOf(resource.MustParse("1Gi")))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem())
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				filled(field)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		filled(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		filled(key)
		filled(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("x")
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	}
}

// asStored is the object as kubectl reads it, alone and as the only item of a list.
func asStored(t *testing.T, o any) (object, list map[string]any) {
	t.Helper()
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		t.Fatal(err)
	}
	return m, map[string]any{"items": []any{m}}
}

// command is kubectl get of one of our kinds with a template: kind, name, form, template.
var command = regexp.MustCompile(`kubectl get (nko|nodekillorders?|kop)( [\w$]+)?(?: -A)? -o (jsonpath|custom-columns)='([^']*)'`)

// TestCommandsInTheDocs: each path that a page prints of our objects exists, so that no column stays empty.
func TestCommandsInTheDocs(t *testing.T) {
	order, policy := &v1alpha1.NodeKillOrder{}, &v1alpha1.KillOrderPolicy{}
	filled(reflect.ValueOf(&order.Status).Elem())
	filled(reflect.ValueOf(&policy.Status).Elem())
	filled(reflect.ValueOf(&policy.Spec).Elem())
	order.Name, policy.Name = "worker-1", v1alpha1.PolicyName
	order.Status.Conditions = nil
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionCriticalAtRisk, v1alpha1.ConditionWrongVictim} {
		order.Status.Conditions = append(order.Status.Conditions, metav1.Condition{Type: kind, Status: "True", Reason: "R", Message: "M"})
	}
	policy.Status.Conditions[0].Type = v1alpha1.ConditionAccepted
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages, error %v", len(pages), err)
	}
	seen := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			seen++
			object, list := asStored(t, order)
			if m[1] == "kop" {
				object, list = asStored(t, policy)
			}
			templates, data := []string{m[4]}, list
			if m[2] != "" {
				data = object
			}
			if m[3] == "custom-columns" {
				templates, data = paths(m[4]), object // columns are of one item each
			}
			for _, template := range templates {
				expectEveryPath(t, filepath.Base(page), template, data)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d commands were found", seen)
	}
}

// paths of HEAD:.path,HEAD:.path
func paths(columns string) (all []string) {
	for column := range strings.SplitSeq(columns, ",") {
		_, path, _ := strings.Cut(column, ":")
		all = append(all, "{"+path+"}")
	}
	return all
}

func expectEveryPath(t *testing.T, page, template string, data map[string]any) {
	t.Helper()
	parsed := jsonpath.New(page).AllowMissingKeys(false)
	if err := parsed.Parse(template); err != nil {
		t.Errorf("%s: %s: %v", page, template, err)
		return
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, data); err != nil {
		t.Errorf("%s: %s: %v", page, template, err)
	} else if strings.TrimSpace(out.String()) == "" {
		t.Errorf("%s: %s prints nothing", page, template)
	}
}
