// Package machine is what virtual machines without KVM are made of: Debian's packaged kernels with their modules, and
// the archive that the kernel unpacks into its first root folder.
package machine

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

// Packages is the folder into which Debian's packages are unpacked.
type Packages string

// Download downloads the newest kernel of a series ("6.12") and further Debian packages into dir, and unpacks all of them
// there, unless an earlier run has.
func Download(ctx context.Context, dir, series string, further ...string) (Packages, error) {
	dir, err := filepath.Abs(dir) // programs run in this folder, and their arguments are paths too
	if err != nil {
		return "", err
	}
	p := Packages(filepath.Join(dir, "root"))
	done := filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return p, nil
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(string(p), 0o755)); err != nil {
		return "", err
	}
	kernel, err := newestKernel(ctx, series)
	if err != nil {
		return "", err
	}
	if err := command(ctx, dir, "apt-get", append([]string{"download", "-q", kernel}, further...)...); err != nil {
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

// newestKernel is the newest package with a kernel of that series. It looks in the dependencies of Debian's metapackages:
// linux-image-SERIES-cloud-amd64 for a backported kernel, linux-image-cloud-amd64 for the release's own kernel.
func newestKernel(ctx context.Context, series string) (string, error) {
	find := func() (string, error) {
		var missing []error
		for _, meta := range []string{"linux-image-" + series + "-cloud-amd64", "linux-image-cloud-amd64"} {
			output, err := exec.CommandContext(ctx, "apt-cache", "depends", meta).Output()
			if err != nil {
				missing = append(missing, fmt.Errorf("apt-cache depends %s: %w", meta, err))
				continue
			}
			if name, of := kernelOf(string(output), series); of {
				return name, nil
			}
			missing = append(missing, fmt.Errorf("apt-cache depends %s names no kernel %s", meta, series))
		}
		return "", fmt.Errorf("no Debian package has a kernel %s: %w", series, errors.Join(missing...))
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

// kernelOf finds the package of a kernel of that series in what apt-cache says about a package's dependencies.
func kernelOf(depends, series string) (name string, found bool) {
	for line := range strings.Lines(depends) {
		_, after, is := strings.Cut(line, "Depends: ")
		name = strings.TrimSpace(after)
		if is && (strings.HasPrefix(name, "linux-image-"+series+".") || strings.HasPrefix(name, "linux-image-"+series+"-")) {
			return name, true
		}
	}
	return "", false
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(output))
	}
	return nil
}

// File is the one file of the packages that a pattern names.
func (p Packages) File(pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(string(p), pattern))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("want one file %s in Debian's packages, got %q", pattern, found)
	}
	return found[0], nil
}

// Module returns a module of the kernel by its name, unpacked; nil if the kernel has it built in. It takes the package
// busybox-static where modules are packed.
func (p Packages) Module(ctx context.Context, name string) ([]byte, error) {
	path, err := p.modulePath(name)
	if err != nil || path == "" {
		return nil, err
	}
	if filepath.Ext(path) != ".xz" {
		return os.ReadFile(path)
	}
	busybox, err := p.File("bin/busybox")
	if err != nil {
		return nil, err
	}
	data, err := exec.CommandContext(ctx, busybox, "unxz", "-c", path).Output()
	if err != nil {
		return nil, fmt.Errorf("unpacking %s: %w", path, err)
	}
	return data, nil
}

// modulePath finds the file of a module, "" if the module is built in.
func (p Packages) modulePath(name string) (found string, err error) {
	modules := filepath.Join(string(p), "lib", "modules")
	err = filepath.WalkDir(modules, func(path string, _ os.DirEntry, err error) error {
		if base := filepath.Base(path); err == nil && (base == name+".ko" || base == name+".ko.xz") {
			found = path
		}
		return err
	})
	if err != nil || found != "" {
		return found, err
	}
	list, err := p.File("lib/modules/*/modules.builtin")
	if err != nil {
		return "", err
	}
	builtin, err := os.ReadFile(list)
	if err == nil && !strings.Contains(string(builtin), "/"+name+".ko\n") {
		err = fmt.Errorf("no module %s in %s", name, modules)
	}
	return "", err
}
