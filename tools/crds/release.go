package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Folders within the repository: the CRDs, and those of each release, with objects, for the test of upgrades.
const (
	bases = "config/crd/bases"
	kept  = "test/integration/api/testdata/versions"
)

// compareWithRelease compares the work tree's CRDs with those of the last release tag, v1.2.3, before it. Without such a
// tag there is nothing to compare with: that is said, and is no error.
func compareWithRelease(ctx context.Context, repository string) ([]string, error) {
	tags, err := git(ctx, repository, "tag", "--list", "v[0-9]*", "--merged", "HEAD", "--sort=-version:refname")
	if err != nil {
		return nil, err
	}
	tag, _, _ := strings.Cut(strings.TrimSpace(tags), "\n")
	if tag == "" {
		fmt.Println("crds: there is no release tag (v*) yet, so the CRDs are compared with none")
		return nil, nil
	}
	older, err := os.MkdirTemp("", "crds-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(older)
	if err := checkOut(ctx, repository, tag, older); err != nil {
		return nil, err
	}
	fmt.Printf("crds: compared with those of %s\n", tag)
	broken, err := compareFolders(older, filepath.Join(repository, bases))
	_, missing := os.Stat(filepath.Join(repository, kept, tag, "crds"))
	if missing != nil {
		broken = append(broken, fmt.Sprintf("%s/%s has no folder crds: keep the definitions of each release, and objects, "+
			"so that the upgrade from it is tested", kept, tag))
	}
	return broken, err
}

// checkOut writes the CRDs of a tag into a folder.
func checkOut(ctx context.Context, repository, tag, folder string) error {
	names, err := git(ctx, repository, "ls-tree", "--name-only", tag, bases+"/")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(names) {
		text, err := git(ctx, repository, "show", tag+":"+name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(name)), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func git(ctx context.Context, repository string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", repository}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s in %s: %w", strings.Join(args, " "), repository, err)
	}
	return string(out), nil
}
