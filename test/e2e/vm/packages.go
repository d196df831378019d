package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kernelPackage depends on the newest package of the kernel that the machine boots.
const kernelPackage = "linux-image-6.12-cloud-amd64"

// guestPackages are what the machine needs beside the kernel: a shell and runc with the libraries of runc.
var guestPackages = []string{"busybox-static", "runc", "libseccomp2", "libc6"}

// Packages is the folder into which Debian's packages are unpacked.
type Packages string

// Download downloads Debian's packages into dir and unpacks them there, unless an earlier run has.
func Download(ctx context.Context, dir string) (Packages, error) {
	p := Packages(filepath.Join(dir, "root"))
	done := filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return p, nil
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(string(p), 0o755)); err != nil {
		return "", err
	}
	kernel, err := newestKernel(ctx)
	if err != nil {
		return "", err
	}
	if err := command(ctx, dir, "apt-get", append([]string{"download", "-q", kernel}, guestPackages...)...); err != nil {
		return "", err
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return "", err
	}
	for _, archive := range archives {
		if err := command(ctx, dir, "dpkg-deb", "-x", archive, string(p)); err != nil {
			return "", err
		}
	}
	return p, os.WriteFile(done, nil, 0o644)
}

// newestKernel is the package that kernelPackage stands for, read off what apt-cache says.
func newestKernel(ctx context.Context) (string, error) {
	find := func() (string, error) {
		output, err := exec.CommandContext(ctx, "apt-cache", "depends", kernelPackage).Output()
		if err != nil {
			return "", err
		}
		_, rest, found := strings.Cut(string(output), "Depends: ")
		if !found {
			return "", fmt.Errorf("apt-cache depends %s: %q names no kernel", kernelPackage, output)
		}
		name, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSpace(name), nil
	}
	name, err := find()
	if err == nil {
		return name, nil
	}
	if updated := command(ctx, "", "apt-get", "update", "-q"); updated != nil {
		return "", errors.Join(err, updated)
	}
	return find()
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(output))
	}
	return nil
}

// file is the one file of the packages that a pattern names.
func (p Packages) file(pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(string(p), pattern))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("want one file %s in Debian's packages, got %q", pattern, found)
	}
	return found[0], nil
}

// module finds a module of the kernel by its name.
func (p Packages) module(name string) (string, error) {
	modules := filepath.Join(string(p), "lib", "modules")
	var found string
	err := filepath.WalkDir(modules, func(path string, _ os.DirEntry, err error) error {
		if err == nil && filepath.Base(path) == name+".ko.xz" {
			found = path
		}
		return err
	})
	if err == nil && found == "" {
		err = fmt.Errorf("no module %s in %s", name, modules)
	}
	return found, err
}
