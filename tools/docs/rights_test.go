package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// role is a Role or ClusterRole, as far as rights go.
type role struct {
	Kind     string
	Metadata struct{ Name string }
	Rules    []struct{ Resources, Verbs []string }
}

// forOthers are roles that people and scrapers are given, not the operator.
var forOthers = []string{"metrics-reader", "nodekillorder-viewer-role", "killorderpolicy-viewer-role", "killorderpolicy-editor-role"}

// TestEachRightHasItsReason: every resource and verb of the operator's roles stands in a row of the table in docs/security.md.
func TestEachRightHasItsReason(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Each right, and why")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := strings.Split(section, "\n")
	checked := 0
	for _, r := range roles(t) {
		for _, rule := range r.Rules {
			for _, resource := range rule.Resources {
				checked++
				if !slices.ContainsFunc(rows, func(row string) bool { return explains(row, resource, rule.Verbs) }) {
					t.Errorf("no row of docs/security.md gives a reason for %v on %s (%s)", rule.Verbs, resource, r.Metadata.Name)
				}
			}
		}
	}
	if checked < 15 {
		t.Errorf("only %d rights were found", checked)
	}
}

func roles(t *testing.T) (all []role) {
	t.Helper()
	files, _ := filepath.Glob(root + "/config/rbac/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			var r role
			if err := yaml.Unmarshal([]byte(document), &r); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if strings.HasSuffix(r.Kind, "Role") && !slices.Contains(forOthers, r.Metadata.Name) {
				all = append(all, r)
			}
		}
	}
	return all
}

// explains reports whether a row names the resource and every verb; a status is named beside its object.
func explains(row, resource string, verbs []string) bool {
	of, sub, _ := strings.Cut(resource, "/")
	if !strings.Contains(row, resource) && (sub != "status" || !strings.Contains(row, of) || !strings.Contains(row, "status")) {
		return false
	}
	words := strings.FieldsFunc(row, func(r rune) bool { return strings.ContainsRune(" ,;|", r) })
	return !slices.ContainsFunc(verbs, func(verb string) bool { return !slices.Contains(words, verb) })
}
