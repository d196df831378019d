package isolate

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// needed programs, and where they come from.
var needed = map[string]string{"ip": "iproute2", "mount": "mount"}

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
	probe := exec.Command("true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	if err := probe.Run(); err != nil {
		return fmt.Sprintf("no namespaces can be made here: %v", err)
	}
	hierarchies, err := hierarchies()
	if err != nil || len(hierarchies) == 0 {
		return fmt.Sprintf("no control groups are mounted under %s (%v)", cgroupRoot, err)
	}
	for _, h := range hierarchies {
		dir := filepath.Join(h, Name+"-probe")
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Sprintf("no control group can be made: %v", err)
		}
		if err := os.Remove(dir); err != nil {
			return fmt.Sprintf("no control group can be removed: %v", err)
		}
	}
	return ""
}
