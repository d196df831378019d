package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRelease goes through a repository's life: no release, a release, a harmless change, a change that breaks.
func TestRelease(t *testing.T) {
	repository := t.TempDir()
	crds := filepath.Join(repository, bases)
	if err := os.MkdirAll(crds, 0o750); err != nil {
		t.Fatal(err)
	}
	lay := func(folder string) {
		if err := os.RemoveAll(crds); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(crds, os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
	}
	must := func(args ...string) {
		if _, err := git(t.Context(), repository, args...); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, status int) {
		t.Helper()
		if got := run(t.Context(), []string{repository}); got != status {
			t.Errorf("%s: exit status %d, want %d", when, got, status)
		}
	}
	lay(ours)
	must("init", "--quiet")
	must("add", ".")
	must("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "first")
	want("no release", 0)
	must("-c", "user.name=a", "-c", "user.email=a@b", "tag", "api/v0.1.0")
	lay(edited(t, "killorder.io_killorderpolicies.yaml", "maximum: 600", "maximum: 300"))
	want("a tag of the API's module is no release", 0)
	must("tag", "v0.1.0")
	lay(ours)
	want("the release is not kept for the test of upgrades", 1)
	if err := os.MkdirAll(filepath.Join(repository, kept, "v0.1.0", "crds"), 0o750); err != nil {
		t.Fatal(err)
	}
	want("nothing changed since the release", 0)
	lay(edited(t, "killorder.io_killorderpolicies.yaml", "maximum: 600", "maximum: 300"))
	want("a bound narrowed since the release", 1)
	lay(edited(t, "killorder.io_killorderpolicies.yaml", "maximum: 600", "maximum: 900"))
	want("a bound widened since the release", 0)
}

func TestNoRepository(t *testing.T) {
	if _, err := compareWithRelease(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "git tag") {
		t.Errorf("want an error that names the command, got %v", err)
	}
}
