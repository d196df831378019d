package api

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// TestObjectsHaveEveryField: what an upgrade loses is seen only where the objects of a version have it.
func TestObjectsHaveEveryField(t *testing.T) {
	versions, err := filepath.Glob("testdata/versions/*")
	if err != nil || len(versions) == 0 {
		t.Fatalf("%d versions, %v", len(versions), err)
	}
	for _, version := range versions {
		t.Run(filepath.Base(version), func(t *testing.T) {
			have := fieldsOfObjects(t, filepath.Join(version, "objects.yaml"))
			definitions, _ := filepath.Glob(filepath.Join(version, "crds", "*.yaml"))
			for _, file := range definitions {
				crd := &apiextensionsv1.CustomResourceDefinition{}
				unmarshal(t, file, crd)
				for _, field := range fieldsOfSchema(crd.Spec.Names.Kind, crd.Spec.Versions[0].Schema.OpenAPIV3Schema) {
					if !slices.Contains(have, field) {
						t.Errorf("%s/objects.yaml has no %s", version, field)
					}
				}
			}
		})
	}
}

func unmarshal(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.UnmarshalStrict(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// fieldsOfSchema are the paths of the leaves of spec and status; metadata is Kubernetes'.
func fieldsOfSchema(path string, s *apiextensionsv1.JSONSchemaProps) (fields []string) {
	switch {
	case len(s.Properties) > 0:
		for name, property := range s.Properties {
			if name != "metadata" && name != "apiVersion" && name != "kind" || strings.Contains(path, ".") {
				fields = append(fields, fieldsOfSchema(path+"."+name, &property)...)
			}
		}
	case s.Items != nil:
		return fieldsOfSchema(path+"[]", s.Items.Schema)
	case s.AdditionalProperties != nil:
		return fieldsOfSchema(path+"{}", s.AdditionalProperties.Schema)
	case s.Type == "object":
		return nil // an empty one, as a NodeKillOrder's spec
	default:
		return []string{path}
	}
	return fields
}

func fieldsOfObjects(t *testing.T, file string) (fields []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all := map[string]any{}
		leaves(all, o["kind"].(string)+".spec", o["spec"])
		leaves(all, o["kind"].(string)+".status", o["status"])
		for path := range all {
			fields = append(fields, asInSchema(path))
		}
	}
	return fields
}

// asInSchema is a path with any element of a list as [], and any key of the maps that the kinds have as {}.
func asInSchema(path string) string {
	path = generic(path)
	for _, m := range []string{".matchLabels", ".findings", ".kills"} {
		before, key, found := strings.Cut(path, m+".")
		if found && !strings.HasPrefix(key, "[]") {
			_, rest, deeper := strings.Cut(key, ".")
			if m == ".matchLabels" || !deeper {
				rest, deeper = "", false
			}
			path = before + m + "{}"
			if deeper {
				path += "." + rest
			}
		}
	}
	return path
}
