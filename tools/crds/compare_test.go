package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ours = "../../" + bases

// edited copies our own CRDs and changes one text, which must be there exactly once in the file named.
func edited(t *testing.T, file, old, replacement string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(ours)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), old); n != 1 {
		t.Fatalf("%s has %q %d times, not once: change this test", file, old, n)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, replacement, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestOurs shows that the check passes on what is the same, and fails on a broken copy, whatever the breakage.
func TestOurs(t *testing.T) {
	const policies, orders = "killorder.io_killorderpolicies.yaml", "killorder.io_nodekillorders.yaml"
	tests := map[string]struct {
		file, old, replacement string
		want                   string // part of the only line, "" for none
	}{
		"nothing changed":        {file: policies, old: "plural: killorderpolicies", replacement: "plural: killorderpolicies"},
		"a description":          {file: policies, old: "topN is how much of each order the objects show.", replacement: "topN is a number."},
		"a bound widened":        {file: policies, old: "maximum: 600", replacement: "maximum: 900"},
		"a bound narrowed":       {file: policies, old: "maximum: 600", replacement: "maximum: 300", want: "maxAgeSeconds: maximum"},
		"a default changed":      {file: policies, old: "default: 180", replacement: "default: 90", want: "maxAgeSeconds: default"},
		"a field renamed":        {file: policies, old: "              topN:\n", replacement: "              top:\n", want: "existingFieldRemoval"},
		"a value taken away":     {file: orders, old: "                    - ProcessOOM\n", replacement: "", want: "enum"},
		"a list's keys changed":  {file: orders, old: "                - killer\n                x-kubernetes-list-type: map", replacement: "                x-kubernetes-list-type: map", want: "unhandled"},
		"namespaced in place of": {file: orders, old: "scope: Cluster", replacement: "scope: Namespaced", want: "scope"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := compareFolders(ours, edited(t, tt.file, tt.old, tt.replacement))
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" && len(got) > 0 {
				t.Errorf("want nothing, got %q", got)
			}
			if tt.want != "" && !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("want a line with %q, got %q", tt.want, got)
			}
		})
	}
}

func TestDefinitionGone(t *testing.T) {
	dir := edited(t, "killorder.io_killorderpolicies.yaml", "plural: killorderpolicies", "plural: killorderpolicies")
	if err := os.Remove(filepath.Join(dir, "killorder.io_killorderpolicies.yaml")); err != nil {
		t.Fatal(err)
	}
	got, err := compareFolders(ours, dir)
	want := []string{"killorderpolicies.killorder.io: the definition is gone, and with it every object"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestFoldersThatCannotBeRead(t *testing.T) {
	tests := map[string]struct {
		text string // of the only file, "" for none
		want string
	}{
		"empty":        {want: "holds no .yaml file"},
		"not YAML":     {text: "{", want: "a.yaml"},
		"another kind": {text: "kind: Pod\nmetadata: {name: a}\n", want: `kind "Pod", name "a"`},
		"no name":      {text: "kind: CustomResourceDefinition\n", want: `name ""`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.text != "" {
				if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := compareFolders(ours, dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want an error with %q, got %v", tt.want, err)
			}
		})
	}
}
