package main

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/pictures anew")

const (
	story    = root + "/examples/story"
	pictures = root + "/docs/pictures"
)

// TestPictures compares the pictures with what the engine says now.
func TestPictures(t *testing.T) {
	out := t.TempDir()
	if *update {
		out = pictures
	}
	if err := draw(t.Context(), story, out); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(out, "*.svg"))
	files = slices.DeleteFunc(files, func(file string) bool { return filepath.Base(file) == "scale.svg" }) // drawn by make scale-growth
	if err != nil || len(files) != 3 {
		t.Fatalf("%d pictures drawn, %v", len(files), err)
	}
	for _, file := range files {
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(pictures, filepath.Base(file)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("docs/pictures/%s is not what the engine says: run `make generate` and commit\n%s", filepath.Base(file), diff)
		}
		wellFormed(t, string(got))
	}
}

func wellFormed(t *testing.T, picture string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestStoryThatCannotBeDrawn(t *testing.T) {
	if err := draw(t.Context(), t.TempDir(), t.TempDir()); err == nil {
		t.Error("a folder without nodes is drawn")
	}
}
