package vm

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// needed programs, and the Debian packages that have them.
var needed = []struct{ program, pkg string }{
	{"qemu-system-x86_64", "qemu-system-x86"}, {"mkfs.ext4", "e2fsprogs"}, {"apt-get", "apt"}, {"apt-cache", "apt"}, {"dpkg-deb", "dpkg"},
}

// Obstacle says why no virtual machine can be built here; "" if nothing is known to be in the way.
func Obstacle() string {
	if runtime.GOARCH != "amd64" {
		return "the virtual machine is one of amd64"
	}
	for _, n := range needed {
		if _, err := exec.LookPath(n.program); err != nil {
			return fmt.Sprintf("the program %s is missing (apt-get install %s)", n.program, n.pkg)
		}
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return "the kernel and the runtime of the virtual machine are Debian's packages, which only Debian can download"
	}
	return ""
}
