package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMetrics compares the names of metrics in the code with those that docs/metrics.md explains.
func TestMetrics(t *testing.T) {
	code := map[string]bool{}
	for _, folder := range []string{"internal", "controllers"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			return names(code, path, `"killorder_[a-z_]+"`)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	page := map[string]bool{}
	if err := names(page, root+"/docs/metrics.md", "`killorder_[a-z_]+`"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(code)), slices.Sorted(maps.Keys(page))); diff != "" {
		t.Errorf("metrics in the code (-) and in docs/metrics.md (+) differ:\n%s", diff)
	}
}

func names(found map[string]bool, file, quoted string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, name := range regexp.MustCompile(quoted).FindAllString(string(text), -1) {
		found[name[1:len(name)-1]] = true
	}
	return nil
}
