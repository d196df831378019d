package kernel

import (
	"bufio"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/killorder/killorder/test/machine"
)

const (
	// guestMemory and guestSwap of a machine, in MiB.
	guestMemory = 512
	guestSwap   = 192
	// bootPatience bounds the wait for one answer of a machine, which may be slow beside others.
	bootPatience = 15 * time.Minute
)

// drivers of the machine's disk, in their order; a kernel has some of them built in.
var drivers = []string{"virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk"}

// boot is a machine: a kernel of Debian's with one version of cgroups.
type boot struct {
	series   string
	version  int
	packages machine.Packages
	// dir takes the machine's files, and its console.log.
	dir string
}

func (b *boot) String() string { return fmt.Sprintf("Linux %s, cgroup v%d", b.series, b.version) }

// obstacle says what the kernel lacks for its version of cgroups.
func (b *boot) obstacle() (string, error) {
	path, err := b.packages.File("boot/config-*")
	if err != nil {
		return "", err
	}
	config, err := os.ReadFile(path)
	if err == nil && b.version == 1 && strings.Contains(string(config), "# CONFIG_MEMCG_V1 is not set") {
		return fmt.Sprintf("%s is built without CONFIG_MEMCG_V1", strings.TrimPrefix(filepath.Base(path), "config-")), nil
	}
	return "", err
}

// running is a machine that plays scenes.
type running struct {
	qemu    *exec.Cmd
	scenes  io.WriteCloser
	answers chan answer
	ended   chan error
	console string
	kernel  string
	room    room
}

// start builds the machine's disks around this very program, and switches the machine on.
func (b *boot) start(ctx context.Context) (*running, error) {
	kernel, err := b.packages.File("boot/vmlinuz-*")
	if err == nil {
		kernel, err = filepath.Abs(kernel)
	}
	if err != nil {
		return nil, err
	}
	const disk, swap, console = "initrd.gz", "swap.img", "console.log" // a comma in a path would end QEMU's option
	if err := errors.Join(b.writeRoot(ctx, filepath.Join(b.dir, disk)), writeSwap(filepath.Join(b.dir, swap))); err != nil {
		return nil, err
	}
	r := &running{console: filepath.Join(b.dir, console), answers: make(chan answer), ended: make(chan error, 1)}
	r.qemu = exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1",
		"-m", fmt.Sprint(guestMemory), "-display", "none", "-no-reboot", "-monitor", "none", "-nic", "none",
		"-serial", "file:"+console, "-serial", "stdio", "-kernel", kernel, "-initrd", disk,
		"-append", fmt.Sprintf("console=ttyS0 loglevel=1 panic=-1 log_buf_len=4M rdinit=/init %s=%s %s=%d",
			roleVar, roleGuest, versionVar, b.version),
		"-drive", "file="+swap+",format=raw,if=virtio,cache=unsafe")
	r.qemu.Dir, r.qemu.Stderr = b.dir, os.Stderr
	r.qemu.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // the machine ends with the test, however that ends
	if r.scenes, err = r.qemu.StdinPipe(); err != nil {
		return nil, err
	}
	said, err := r.qemu.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.qemu.Start(); err != nil {
		return nil, err
	}
	go r.listen(said)
	hello, err := r.next()
	if err != nil || hello.Room == nil {
		return nil, errors.Join(fmt.Errorf("the machine does not describe itself: %s: %w", hello.Failed, err), r.stop())
	}
	r.kernel, r.room = hello.Kernel, *hello.Room
	return r, nil
}

// listen passes the machine's answers on until the machine is off.
func (r *running) listen(said io.Reader) {
	defer close(r.answers)
	lines := bufio.NewReader(said)
	for {
		line, err := lines.ReadBytes('\n')
		var a answer
		if err == nil {
			err = json.Unmarshal(line, &a)
		}
		if err != nil {
			r.ended <- errors.Join(err, r.qemu.Wait())
			return
		}
		r.answers <- a
	}
}

// next answer of the machine.
func (r *running) next() (answer, error) {
	select {
	case a, on := <-r.answers:
		if !on {
			return a, fmt.Errorf("the machine went off: %w; see %s", <-r.ended, r.console)
		}
		return a, nil
	case <-time.After(bootPatience):
		return answer{}, fmt.Errorf("the machine does not answer; see %s", r.console)
	}
}

// play sends a scene, and returns the kills that were seen.
func (r *running) play(s *scene) (all []observation, err error) {
	line, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if _, err := r.scenes.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	for {
		a, err := r.next()
		switch {
		case err != nil:
			return all, err
		case a.Seen != nil:
			all = append(all, *a.Seen)
		case a.Failed != "":
			return all, errors.New(a.Failed)
		case a.Ready:
			return all, nil
		}
	}
}

// stop tells the machine that there are no more scenes. A machine that does not go off by itself is switched off.
func (r *running) stop() error {
	if _, err := r.scenes.Write([]byte("\n")); err != nil {
		return errors.Join(err, r.qemu.Process.Kill())
	}
	select {
	case a, on := <-r.answers:
		if on {
			return fmt.Errorf("the machine says %+v, and should go off: %w", a, r.qemu.Process.Kill())
		}
		return nil
	case <-time.After(bootPatience):
		return errors.Join(errors.New("the machine does not go off"), r.qemu.Process.Kill())
	}
}

// writeRoot writes the first root folder: this program, and the drivers that the kernel has as modules.
func (b *boot) writeRoot(ctx context.Context, path string) (err error) {
	self, err := staticSelf()
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	root := machine.NewInitialRAMDisk(file)
	if err := errors.Join(root.File("init", self), root.Directory("modules")); err != nil {
		return err
	}
	var order []string
	for _, name := range drivers {
		code, err := b.packages.Module(ctx, name)
		if err != nil {
			return err
		}
		if code == nil {
			continue // built in
		}
		order = append(order, name)
		if err := root.File("modules/"+name, code); err != nil {
			return err
		}
	}
	if err := root.File(strings.TrimPrefix(modulesFile, "/"), []byte(strings.Join(order, "\n"))); err != nil {
		return err
	}
	return root.Close()
}

// staticSelf is this program, which has to run in the machine without any library.
func staticSelf() ([]byte, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	program, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = program.Close() }()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return nil, errors.New("the test needs libraries, which the machine has not: build it with CGO_ENABLED=0")
		}
	}
	return os.ReadFile(path)
}

// writeSwap makes a disk for swap, as mkswap does (union swap_header in include/linux/swap.h).
func writeSwap(path string) error {
	const bytes = guestSwap << 20
	header := make([]byte, pageSize)
	binary.LittleEndian.PutUint32(header[1024:], 1)                // version
	binary.LittleEndian.PutUint32(header[1028:], bytes/pageSize-1) // last page
	copy(header[pageSize-10:], "SWAPSPACE2")
	return errors.Join(os.WriteFile(path, header, 0o600), os.Truncate(path, bytes))
}
