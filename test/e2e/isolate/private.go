package isolate

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Addresses of the node, known to its own network namespace only.
const (
	NodeAddress = "10.88.0.1"
	PodNetwork  = "10.88.0.0/16"
	Bridge      = "killorder0"
	// ServiceAddress is the first of the services' network: that of the API server. It is an address of the
	// bridge, so that pods reach the API server without a kube-proxy.
	ServiceAddress = "10.96.0.1"
	ServiceNetwork = "10.96.0.0/16"
)

// tunables are kernel settings that the kubelet insists on changing. The settings belong to the whole machine, so inside the
// namespaces the kubelet sees files in their place.
var tunables = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// Furnish makes the inside fit for a node: folders at fixed places that are its own, a network, kernel settings that
// can be written.
func Furnish() error {
	if !Inside() {
		return fmt.Errorf("process %d is not the first in a namespace of its own", os.Getpid())
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	for _, dir := range []string{"/run", "/var/lib", "/var/log"} {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m,mode=755"); err != nil {
			return fmt.Errorf("mounting %s: %w", dir, err)
		}
	}
	if err := standIns(); err != nil {
		return err
	}
	return network()
}

// standIns mounts a copy of each setting over the setting.
func standIns() error {
	for _, name := range tunables {
		setting := "/proc/sys/" + name
		value, err := os.ReadFile(setting)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		file := "/run/" + strings.ReplaceAll(name, "/", "-")
		if err := os.WriteFile(file, value, 0o644); err != nil {
			return err
		}
		if err := syscall.Mount(file, setting, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("standing in for %s: %w", setting, err)
		}
	}
	return nil
}

func network() error {
	for _, args := range []string{
		"link set lo up",
		// A bridge without a hardware address of its own takes the lowest address of its ports, which changes as pods come
		// and go: other pods would go on sending to the old address for a while.
		"link add " + Bridge + " address 02:00:0a:58:00:01 type bridge",
		"addr add " + NodeAddress + "/16 dev " + Bridge,
		"addr add " + ServiceAddress + "/32 dev " + Bridge,
		"link set " + Bridge + " up",
	} {
		if output, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", args, err, output)
		}
	}
	return nil
}
