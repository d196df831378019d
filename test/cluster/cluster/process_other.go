//go:build !linux

package cluster

import "syscall"

// childAttributes puts a child into a process group of its own, so that Ctrl-C
// reaches only us and we decide the order of stopping.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
