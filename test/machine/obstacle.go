package machine

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
)

// Tool is a program that a machine is built or run with, and the Debian package that has the program.
type Tool struct{ Program, Package string }

// tools that every virtual machine is built or run with.
var tools = []Tool{
	{"qemu-system-x86_64", "qemu-system-x86"}, {"apt-get", "apt"}, {"apt-cache", "apt"}, {"dpkg-deb", "dpkg"},
}

// Obstacle says why no virtual machine can be built here with these further tools; "" if nothing is known to be in the way.
func Obstacle(further ...Tool) string {
	if runtime.GOARCH != "amd64" {
		return "the virtual machine is one of amd64"
	}
	for _, tool := range slices.Concat(tools, further) {
		if _, err := exec.LookPath(tool.Program); err != nil {
			return fmt.Sprintf("the program %s is missing (apt-get install %s)", tool.Program, tool.Package)
		}
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return "the kernel and the runtime of the virtual machine are Debian's packages, which only Debian can download"
	}
	return ""
}
