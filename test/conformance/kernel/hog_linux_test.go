package kernel

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// roleVar says what this binary is when it is started again; unset, it is the test.
const roleVar = "KILLORDER_KERNEL_ROLE"

// The roles.
const (
	// roleStaged waits to be placed in its group, then executes itself: what a process took before it was placed
	// stays charged to where it came from.
	roleStaged = "staged"
	roleHog    = "hog"
	// roleJanitor outlives the test and removes its groups.
	roleJanitor = "janitor"
	// roleDoomed sets up a node and waits for its end: it shows what the janitor is good for.
	roleDoomed = "doomed"
	// roleGuest is the first process of a virtual machine, in which it plays scenes.
	roleGuest = "guest"
)

// hogMain takes commands from standard input, "name bytes" a line, and answers each with "ok" or an error. It
// ends with its input, so it cannot outlive the test.
func hogMain() int {
	runtime.LockOSThread()
	fmt.Println("ok")
	h := hog{file: -1}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := h.do(lines.Text()); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("ok")
	}
	return 0
}

// stagedMain executes the hog on the first line of input.
func stagedMain() int {
	fmt.Println("ok")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return 0
	}
	err := syscall.Exec("/proc/self/exe", os.Args, hogEnvironment(roleHog))
	fmt.Println(err)
	return 1
}

// hogEnvironment keeps the Go runtime of a hog small and steady.
func hogEnvironment(role string) []string {
	return []string{roleVar + "=" + role, "GOMAXPROCS=1", "GOGC=off"}
}

// hog is a process that takes memory when told to.
type hog struct {
	// file is a memfd, -1 until needed.
	file int
	// mapped keeps the mappings.
	mapped [][]byte
}

func (h *hog) do(line string) error {
	command, amount, _ := strings.Cut(line, " ")
	bytes, err := strconv.Atoi(amount)
	if err != nil {
		return err
	}
	switch command {
	case "map":
		return h.mapAnonymous(bytes)
	case "fill":
		return h.fill(bytes)
	case "swap":
		return h.swapOut(bytes)
	case "share":
		return h.mapShared(bytes, 0)
	case "huge":
		return h.mapShared(bytes, syscall.MAP_HUGETLB)
	case "store":
		return store(bytes)
	}
	return fmt.Errorf("no command %q", command)
}

// mapAnonymous maps private memory and touches each page: RSS of this process. Without huge pages, which would
// come and go by themselves.
func (h *hog) mapAnonymous(bytes int) error {
	m, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	_ = syscall.Madvise(m, syscall.MADV_NOHUGEPAGE) // kernels without huge pages refuse
	for i := 0; i < len(m); i += pageSize {
		m[i] = 1
	}
	h.mapped = append(h.mapped, m)
	return nil
}

// zeroes are what a file is filled with; never written to, so that they take no memory.
var zeroes [256 << 10]byte

// fill writes to a file in memory that nobody maps: it counts against the limit and is nobody's RSS, like
// tmpfs and page cache.
func (h *hog) fill(bytes int) error {
	if h.file < 0 {
		fd, err := memfd()
		if err != nil {
			return err
		}
		h.file = fd
	}
	for refused := 0; bytes > 0; {
		n, err := syscall.Write(h.file, zeroes[:min(bytes, len(zeroes))])
		switch {
		case err == syscall.ENOMEM && refused < 100: // everyone is dead, but has not yet given memory back
			refused++
			time.Sleep(10 * time.Millisecond)
		case err != nil && err != syscall.EINTR:
			return os.NewSyscallError("write", err)
		}
		bytes -= max(n, 0)
	}
	return nil
}

// memfdCreate is the number of the system call; package syscall has no name for it everywhere.
var memfdCreate = map[string]uintptr{
	"amd64": 319, "386": 356, "arm": 385, "arm64": 279, "loong64": 279, "riscv64": 279, "ppc64le": 360, "s390x": 350,
}

func memfd() (int, error) {
	name := []byte("killorder\x00")
	fd, _, errno := syscall.Syscall(memfdCreate[runtime.GOARCH], uintptr(unsafe.Pointer(&name[0])), 0, 0)
	if errno != 0 {
		return -1, os.NewSyscallError("memfd_create", errno)
	}
	return int(fd), nil
}
