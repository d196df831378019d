package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

// argoCheck is the health check in docs/consuming.md, as a user pastes it.
func argoCheck(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(root + "/docs/consuming.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(string(page), -1) {
		var configMap struct{ Data map[string]string }
		if strings.Contains(block[1], "argocd-cm") {
			if err := yaml.Unmarshal([]byte(block[1]), &configMap); err != nil {
				t.Fatal(err)
			}
			return configMap.Data["resource.customizations.health.killorder.io_KillOrderPolicy"]
		}
	}
	t.Fatal("docs/consuming.md has no ConfigMap argocd-cm")
	return ""
}

// TestArgoHealth runs the check as Argo CD does: by gopher-lua, with the object as obj.
func TestArgoHealth(t *testing.T) {
	check := argoCheck(t)
	tests := map[string]struct{ object, status, message string }{
		"just created": {"metadata: {generation: 1}", "Progressing", "the operator has not seen this policy yet"},
		"in force": {
			"metadata: {generation: 2}\nstatus: {conditions: [{type: Accepted, status: 'True', observedGeneration: 2, message: fine}]}",
			"Healthy", "fine",
		},
		"refused": {
			"metadata: {generation: 2}\nstatus: {conditions: [{type: Accepted, status: 'False', observedGeneration: 2, message: a selector}]}",
			"Degraded", "a selector",
		},
		"changed since": {
			"metadata: {generation: 3}\nstatus: {conditions: [{type: Accepted, status: 'True', observedGeneration: 2, message: fine}]}",
			"Progressing", "the operator has not seen this policy yet",
		},
		"another condition": {
			"metadata: {generation: 1}\nstatus: {conditions: [{type: Other, status: 'False', observedGeneration: 1}]}",
			"Progressing", "the operator has not seen this policy yet",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, message := health(t, check, tt.object)
			if status != tt.status || message != tt.message {
				t.Errorf("%s: %q, want %s: %q", status, message, tt.status, tt.message)
			}
		})
	}
}

func health(t *testing.T, check, object string) (status, message string) {
	t.Helper()
	var o map[string]any
	if err := yaml.Unmarshal([]byte(object), &o); err != nil {
		t.Fatal(err)
	}
	l := lua.NewState()
	defer l.Close()
	l.SetGlobal("obj", value(l, o))
	if err := l.DoString(check); err != nil {
		t.Fatal(err)
	}
	result, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the check returns %v, no table", l.Get(-1))
	}
	return lua.LVAsString(result.RawGetString("status")), lua.LVAsString(result.RawGetString("message"))
}

// value of JSON in Lua.
func value(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case map[string]any:
		table := l.NewTable()
		for key, element := range v {
			table.RawSetString(key, value(l, element))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, element := range v {
			table.Append(value(l, element))
		}
		return table
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	}
	return lua.LNil
}
