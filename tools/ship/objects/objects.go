// Package objects reads what kustomize makes of a folder of config/: the one source of all that is shipped.
package objects

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// Image is what config/ names: a release replaces the tag.
const Image = "ghcr.io/killorder/killorder"

// Version of the release that is being made, from the file VERSION, without the v.
func Version(root string) (string, error) {
	data, err := os.ReadFile(filepath.Join(root, "VERSION"))
	if err != nil {
		return "", fmt.Errorf("version of the release: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// Render is kustomize's own text of a folder below root, for a release: the image of ours carries its tag.
func Render(root, folder, version string) ([]byte, error) {
	build := exec.Command(filepath.Join(root, "bin", "tools", "kustomize"), "build", filepath.Join(root, folder))
	var problems bytes.Buffer
	build.Stderr = &problems
	rendered, err := build.Output()
	if err != nil {
		return nil, fmt.Errorf("kustomize build %s: %w\n%s", folder, err, problems.Bytes())
	}
	return bytes.ReplaceAll(rendered, []byte(Image+":latest"), []byte(Image+":v"+version)), nil
}

// Documents of a YAML stream as kustomize writes it, each with its object.
func Documents(stream []byte) ([]Document, error) {
	var all []Document
	for text := range bytes.SplitSeq(stream, []byte("\n---\n")) {
		parsed, err := Parse(text)
		if err != nil {
			return nil, err
		}
		if len(parsed) != 1 {
			return nil, fmt.Errorf("want one object a document, got %d in\n%.200s", len(parsed), text)
		}
		all = append(all, Document{Unstructured: parsed[0], Text: string(bytes.TrimRight(text, "\n")) + "\n"})
	}
	return all, nil
}

// Document is an object and the text that it was read from.
type Document struct {
	*unstructured.Unstructured
	Text string
}

// Parse reads a stream of YAML documents; empty ones are skipped.
func Parse(stream []byte) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096); ; {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", len(all)+1, err)
		}
		if len(u.Object) > 0 {
			all = append(all, u)
		}
	}
}

// Write a generated file, with its folder, unless the file is that already: who reads the tree meanwhile finds each file whole.
func Write(path string, content []byte) error {
	if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("folder of a generated file: %w", err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return fmt.Errorf("generated file: %w", err)
	}
	return nil
}

// Kinds picks objects by kind, in their order.
func Kinds(all []*unstructured.Unstructured, kinds ...string) []*unstructured.Unstructured {
	var some []*unstructured.Unstructured
	for _, u := range all {
		if slices.Contains(kinds, u.GetKind()) {
			some = append(some, u)
		}
	}
	return some
}
