package vm

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/killorder/killorder/test/machine"
)

// kernelSeries is the series of kernels of which the machine boots the newest.
const kernelSeries = "6.12"

// guestPackages are what the machine needs beside the kernel: a shell and runc with the libraries of runc.
var guestPackages = []string{"busybox-static", "runc", "libseccomp2", "libc6"}

// Download downloads Debian's packages into dir and unpacks them there, unless an earlier run has.
func Download(ctx context.Context, dir string) (machine.Packages, error) {
	return machine.Download(ctx, dir, kernelSeries, guestPackages...)
}

// Obstacle says why no virtual machine can be built here; "" if nothing is known to be in the way.
func Obstacle() string {
	return machine.Obstacle(machine.Tool{Program: "mkfs.ext4", Package: "e2fsprogs"})
}

func command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(output))
	}
	return nil
}
