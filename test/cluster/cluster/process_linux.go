package cluster

import "syscall"

// childAttributes puts a child into a process group of its own, so that Ctrl-C
// reaches only us and we decide the order of stopping, and lets the kernel end
// it should we die without having the chance.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
