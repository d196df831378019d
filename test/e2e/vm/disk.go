package vm

import (
	"context"
	"embed"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/killorder/killorder/test/machine"
)

//go:embed guest
var guest embed.FS

// modules of the kernel, in the order in which they are loaded: the disk, the network, and layered file systems for
// images. ext4 and control groups are built in.
var modules = []string{"virtio_blk", "failover", "net_failover", "virtio_net", "overlay"}

// libraries of runc, which is the only dynamic program of the machine, and the loader that runs runc. Each key is the place
// in Debian's packages, each value the place where the loader looks.
var libraries = map[string]string{
	"lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": "lib64/ld-linux-x86-64.so.2",
	"lib/x86_64-linux-gnu/libc.so.6":            "lib/x86_64-linux-gnu/libc.so.6",
	"usr/lib/x86_64-linux-gnu/libseccomp.so.2":  "lib/x86_64-linux-gnu/libseccomp.so.2",
}

// diskSize is the size of the root disk in bytes. The file is sparse.
const diskSize = 3 << 30

// build makes the initial RAM disk, the root disk and the disk for swap in dir.
func (m *Machine) build(ctx context.Context) error {
	root := m.path("root")
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return makeFolders(root) },
		func() error { return m.putShell(ctx, root) },
		func() error { return m.putPrograms(root) },
		func() error { return m.putSettings(root) },
		func() error { return m.writeInitialRAMDisk(ctx) },
		func() error { return sparse(m.path("root.img"), diskSize) },
		func() error { return sparse(m.path("swap.img"), int64(m.SwapMiB)<<20) },
		// Without a journal: the disk lives as long as the machine.
		func() error {
			return command(ctx, "mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-d", root, m.path("root.img"))
		},
		func() error { return os.RemoveAll(root) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func makeFolders(root string) error {
	var errs []error
	for _, dir := range []string{
		"bin", "sbin", "etc/cni", "proc", "sys", "dev", "run", "tmp", "root", "lib64", "lib/x86_64-linux-gnu",
		"usr/libexec", "var/log", "var/lib",
	} {
		errs = append(errs, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	return errors.Join(errs...)
}

// putShell installs busybox under the name of each of its commands.
func (m *Machine) putShell(ctx context.Context, root string) error {
	busybox, err := m.Packages.File("bin/busybox")
	if err != nil {
		return err
	}
	names, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return err
	}
	if err := copyFile(busybox, filepath.Join(root, "bin", "busybox")); err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(names)) {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", name)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return os.Symlink("../bin/busybox", filepath.Join(root, "sbin", "init"))
}

func (m *Machine) putPrograms(root string) error {
	for _, path := range m.Programs {
		if err := copyFile(path, filepath.Join(root, "bin", filepath.Base(path))); err != nil {
			return err
		}
	}
	runc, err := m.Packages.File("usr/sbin/runc")
	if err != nil {
		return err
	}
	if err := copyFile(runc, filepath.Join(root, "bin", "runc")); err != nil {
		return err
	}
	for packaged, library := range libraries {
		path, err := m.Packages.File(packaged)
		if err != nil {
			return err
		}
		if err := copyFile(path, filepath.Join(root, library)); err != nil {
			return err
		}
	}
	return copyFile(m.Images, filepath.Join(root, "images.tar"))
}

func (m *Machine) putSettings(root string) error {
	for name, text := range map[string]string{
		"hostname": m.Name, "address": Address + "/24", "gateway": gateway, "hosts": "127.0.0.1 localhost " + m.Name + "\n",
		"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n", "resolv.conf": "",
		"os-release": "ID=debian\nNAME=\"Debian's kernel and busybox\"\nPRETTY_NAME=\"Debian's kernel and busybox\"\n",
		"machine-id": strings.Repeat("0123456789abcdef", 2) + "\n",
	} {
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, name := range []string{"rc", "inittab"} {
		text, err := guest.ReadFile("guest/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, "etc", name), text, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (m *Machine) writeInitialRAMDisk(ctx context.Context) (err error) {
	file, err := os.Create(m.path("initrd.gz"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	disk := machine.NewInitialRAMDisk(file)
	for _, dir := range []string{"bin", "dev", "root"} {
		if err := disk.Directory(dir); err != nil {
			return err
		}
	}
	init, err := guest.ReadFile("guest/init")
	if err != nil {
		return err
	}
	busybox, err := m.Packages.File("bin/busybox")
	if err != nil {
		return err
	}
	shell, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"init": init, "bin/busybox": shell, "modules": []byte(strings.Join(modules, "\n") + "\n")} {
		if err := disk.File(name, data); err != nil {
			return err
		}
	}
	for _, name := range modules {
		data, err := m.Packages.Module(ctx, name)
		if err != nil {
			return err
		}
		if err := disk.File(name, data); err != nil {
			return err
		}
	}
	return disk.Close()
}

// copyFile copies a program or a library, following links.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// sparse makes a file of that many bytes that takes no room yet.
func sparse(path string, size int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Close())
}
