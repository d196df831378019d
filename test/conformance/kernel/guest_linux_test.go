package kernel

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

const (
	// wire is the serial line between the virtual machine and the test outside: scenes in, answers out, one JSON object
	// a line.
	wire = "/dev/ttyS1"
	// versionVar tells the guest which version of cgroups to mount.
	versionVar = "KILLORDER_KERNEL_CGROUP"
	// modulesFile has the names of the kernel's modules to be loaded, in their order; each is a file beside it.
	modulesFile = "/modules/order"
	swapDisk    = "/dev/vda"
)

// guest is the first process of a virtual machine.
type guest struct {
	base  *group
	lines *bufio.Reader
	out   io.Writer
	log   *kernelLog
	// swapping: the disk is in use.
	swapping bool
}

// guestMain plays scenes until the line says nothing more, and switches the machine off. The kernel panics, and the
// machine goes off, if it returns without that.
func guestMain() {
	answerPatience = guestPatience
	g := &guest{}
	err := g.prepare()
	if err == nil {
		err = g.serve()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		fmt.Println("guest:", err) // on the console, which the test keeps
		if g.out != nil {
			_ = g.say(&answer{Failed: err.Error()})
		}
	}
	syscall.Sync()
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}

// prepare mounts what is needed, and makes the first process one that the kernel never kills.
func (g *guest) prepare() error {
	for _, m := range []struct{ kind, at, options string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devtmpfs", "/dev", ""},
		{"tmpfs", volumes, "size=100%"},
	} {
		if err := mount(m.kind, m.at, m.options); err != nil {
			return err
		}
	}
	for file, text := range map[string]string{
		"/proc/self/oom_score_adj":                          "-1000",
		"/proc/sys/vm/overcommit_memory":                    "1",
		"/sys/kernel/mm/transparent_hugepage/enabled":       "never",
		"/sys/kernel/mm/transparent_hugepage/shmem_enabled": "never",
	} {
		if err := os.WriteFile(file, []byte(text), 0); err != nil {
			return err
		}
	}
	if err := loadModules(); err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	return g.makeGroups(os.Getenv(versionVar))
}

func mount(kind, at, options string) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(kind, at, kind, 0, options); err != nil {
		return fmt.Errorf("mount %s at %s: %w", kind, at, err)
	}
	return nil
}

// makeGroups mounts the memory controller, and puts this process where its memory is not swapped out.
func (g *guest) makeGroups(version string) error {
	const root = "/sys/fs/cgroup"
	if version == "1" {
		if err := mount("tmpfs", root, ""); err != nil {
			return err
		}
		if err := mount("cgroup", root+"/memory", "memory"); err != nil {
			return err
		}
	} else {
		if err := mount("cgroup2", root, ""); err != nil {
			return err
		}
		if err := os.WriteFile(root+"/cgroup.subtree_control", []byte("+memory"), 0); err != nil {
			return err
		}
	}
	h, err := findHierarchy()
	if err != nil {
		return err
	}
	own := &group{hierarchy: h, path: filepath.Join(h.root, "guest")}
	if err := errors.Join(own.create(false), own.noSwap(), own.add(os.Getpid())); err != nil {
		return err
	}
	g.base, err = h.newBase(basePrefix + "guest")
	return err
}

// loadModules loads the disk's driver.
func loadModules() error {
	order, err := os.ReadFile(modulesFile)
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(order)) {
		code, err := os.ReadFile(filepath.Join(filepath.Dir(modulesFile), name))
		if err != nil {
			return err
		}
		arguments := []byte{0}
		_, _, errno := syscall.Syscall(syscall.SYS_INIT_MODULE, uintptr(unsafe.Pointer(&code[0])), uintptr(len(code)),
			uintptr(unsafe.Pointer(&arguments[0])))
		if errno != 0 {
			return fmt.Errorf("module %s: %w", name, errno)
		}
	}
	return nil
}

// open makes the serial line one that passes every byte on as it is.
func (g *guest) open() error {
	file, err := os.OpenFile(wire, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	var t syscall.Termios
	if err := terminal(file, syscall.TCGETS, &t); err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = t.Cflag&^syscall.CSIZE | syscall.CS8 | syscall.CLOCAL
	if err := terminal(file, syscall.TCSETS, &t); err != nil {
		return err
	}
	g.lines, g.out, g.log = bufio.NewReader(file), file, openKernelLog()
	if g.log == nil {
		return errors.New("the kernel's log cannot be read")
	}
	return nil
}

func terminal(file *os.File, request uintptr, t *syscall.Termios) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(unsafe.Pointer(t))); errno != 0 {
		return os.NewSyscallError("ioctl", errno)
	}
	return nil
}

func (g *guest) say(a *answer) error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = g.out.Write(append(line, '\n'))
	return err
}

// serve describes the machine, and plays one scene after another.
func (g *guest) serve() error {
	r, err := roomHere()
	if err != nil {
		return err
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return err
	}
	hello := &answer{Ready: true, Kernel: strings.TrimSpace(string(release)), Room: r}
	for {
		if err := g.say(hello); err != nil {
			return err
		}
		hello = &answer{Ready: true}
		line, err := g.lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(line)) == "" {
			return io.EOF
		}
		s := &scene{}
		if err := json.Unmarshal(line, s); err != nil {
			return err
		}
		if err := g.play(s); err != nil {
			hello.Failed = err.Error()
		}
	}
}

func roomHere() (*room, error) {
	r := &room{}
	var err error
	if r.Total, err = meminfo("MemTotal"); err != nil {
		return nil, err
	}
	if r.Available, err = meminfo("MemAvailable"); err != nil {
		return nil, err
	}
	sectors, err := os.ReadFile("/sys/block/" + filepath.Base(swapDisk) + "/size")
	if err != nil {
		return nil, err
	}
	const sector = 512
	count, err := strconv.ParseInt(strings.TrimSpace(string(sectors)), 10, 64)
	r.Swap = count*sector - pageSize // the first page describes the disk
	return r, err
}

// furnish gives the node the scene's swap and huge pages.
func (g *guest) furnish(s *scene) error {
	if s.Swap > 0 != g.swapping {
		path, number := append([]byte(swapDisk), 0), uintptr(syscall.SYS_SWAPOFF)
		if s.Swap > 0 {
			number = syscall.SYS_SWAPON
		}
		if _, _, errno := syscall.Syscall(number, uintptr(unsafe.Pointer(&path[0])), 0, 0); errno != 0 {
			return fmt.Errorf("swap on %s: %w", swapDisk, errno)
		}
		g.swapping = !g.swapping
	}
	return reserve(s.HugePages / hugePage)
}

// reserve that many huge pages. Memory that earlier scenes left in pieces has to be moved together first.
func reserve(count int64) error {
	const pages, compact = "/proc/sys/vm/nr_hugepages", "/proc/sys/vm/compact_memory"
	want := strconv.FormatInt(count, 10)
	for range 5 {
		if err := os.WriteFile(pages, []byte(want), 0); err != nil {
			return err
		}
		got, err := os.ReadFile(pages)
		if err != nil || strings.TrimSpace(string(got)) == want {
			return err
		}
		if err := os.WriteFile(compact, []byte("1"), 0); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s huge pages cannot be reserved", want)
}

// clearVolumes empties the memory-backed volumes.
func clearVolumes() error {
	out, err := filepath.Glob(filepath.Join(volumes, "*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, file := range out {
		errs = append(errs, os.Remove(file))
	}
	return errors.Join(errs...)
}
