package isolate

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// needed programs, and where they come from.
var needed = map[string]string{"ip": "iproute2", "mount": "mount", "sh": "dash"}

// enoughMemory is how much memory has to be available, in bytes: the node's pods may take 4 GiB, its programs take 1 GiB.
const enoughMemory = 6 << 30

// probe does in namespaces of its own what the suite needs there: mounts, a network, layered images.
const probe = `set -e
mount --make-rprivate /
mount -t proc proc /proc
ip link add probe0 type bridge
ip link add probe1 type veth peer name probe2
mkdir -p "$1"/lower "$1"/upper "$1"/work "$1"/merged
mount -t overlay overlay -o lowerdir="$1"/lower,upperdir="$1"/upper,workdir="$1"/work "$1"/merged`

// Obstacle says why the suite cannot run on this machine; "" if nothing is known to be in the way.
func Obstacle() string {
	if os.Geteuid() != 0 {
		return "it needs root: it makes control groups, mounts and network interfaces"
	}
	for program, pkg := range needed {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Sprintf("the program %s (package %s) is missing", program, pkg)
		}
	}
	if available, err := memAvailable(); err != nil || available < enoughMemory {
		return fmt.Sprintf("it needs %d MiB of memory, and %d are available (%v)", enoughMemory>>20, available>>20, err)
	}
	if err := probeNamespaces(); err != nil {
		return fmt.Sprintf("no namespaces can be made and furnished here: %v", err)
	}
	if err := probeCgroups(); err != nil {
		return fmt.Sprintf("no control groups can be made here: %v", err)
	}
	return ""
}

// memAvailable is the memory that the kernel could hand out, in bytes.
func memAvailable() (int64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		var kibibytes int64
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kibibytes); err == nil {
			return kibibytes << 10, nil
		}
	}
	return 0, errors.New("/proc/meminfo has no MemAvailable")
}

func probeNamespaces() error {
	dir, err := os.MkdirTemp("", Name+"-probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("sh", "-c", probe, "probe", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w %s", err, bytes.TrimSpace(output))
	}
	return nil
}

func probeCgroups() error {
	if elsewhere {
		return nil
	}
	hierarchies, err := hierarchies()
	if err != nil {
		return fmt.Errorf("those under %s: %w", cgroupRoot, err)
	}
	for _, h := range hierarchies {
		dir := filepath.Join(h, run+"-probe")
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if Unified() {
			err = delegate(h, dir)
		}
		if err := errors.Join(err, os.Remove(dir)); err != nil {
			return err
		}
	}
	return nil
}
