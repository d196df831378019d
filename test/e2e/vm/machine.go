// Package vm runs a machine of its own in QEMU, without KVM: Debian's kernel with cgroup v2, in which root may do all
// that root may do. QEMU's own network connects the machine with the network namespace that QEMU runs in: the ports of
// the machine are reachable at Address there, and the machine reaches every address of that namespace.
package vm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/killorder/killorder/test/e2e/vm/wire"
	"github.com/killorder/killorder/test/machine"
)

// Address of the machine, and of the gateway that QEMU puts into the machine's network.
const (
	Address = "10.0.2.15"
	gateway = "10.0.2.2"
)

// Options say what the machine has.
type Options struct {
	// Name is the host name.
	Name string
	// Dir takes the disks, Logs what the console and the programs say.
	Dir, Logs string
	Packages  machine.Packages
	// Programs are files that become /bin/NAME; the agent has to be among them.
	Programs []string
	// Images is a file that becomes /images.tar.
	Images string
	// Interface gets Address, so that programs outside reach the machine at the address that it has inside.
	Interface string
	// SwapMiB is the size of the disk /dev/vdb, in MiB.
	SwapMiB int
	CPUs    int
}

// Machine is a machine that can be switched on and off. Its disks stay the same.
type Machine struct {
	Options
	client *http.Client
	qemu   *exec.Cmd
	exited chan struct{}
}

// New builds the disks of a machine, and does not switch the machine on.
func New(ctx context.Context, options *Options) (*Machine, error) {
	m := &Machine{Options: *options, client: &http.Client{Transport: &http.Transport{}}}
	if err := errors.Join(os.MkdirAll(m.Dir, 0o755), os.MkdirAll(m.Logs, 0o755)); err != nil {
		return nil, err
	}
	if err := m.build(ctx); err != nil {
		return nil, fmt.Errorf("building the disks of the machine: %w", err)
	}
	return m, m.borrowAddress(ctx)
}

// borrowAddress makes programs on this side reach the machine at Address. They must not come from that address themselves:
// QEMU passes the sender's address on, and the machine drops what seems to come from the machine itself. QEMU puts the
// gateway's address in place of 127.0.0.1.
func (m *Machine) borrowAddress(ctx context.Context) error {
	if err := command(ctx, "ip", "addr", "add", Address+"/32", "dev", m.Interface); err != nil {
		return err
	}
	return command(ctx, "ip", "route", "change", "local", Address, "dev", m.Interface, "table", "local",
		"proto", "kernel", "scope", "host", "src", "127.0.0.1")
}

// Start switches the machine on with that much memory, in MiB, and waits until the agent answers.
func (m *Machine) Start(ctx context.Context, memoryMiB int) error {
	kernel, err := m.Packages.File("boot/vmlinuz-*")
	if err != nil {
		return err
	}
	console, err := os.OpenFile(filepath.Join(m.Logs, "qemu.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer console.Close()
	m.qemu = exec.Command("qemu-system-x86_64", m.arguments(kernel, memoryMiB)...)
	m.qemu.Stdout, m.qemu.Stderr = console, console
	m.qemu.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.qemu.Start(); err != nil {
		return err
	}
	m.exited = make(chan struct{})
	go func() { _ = m.qemu.Wait(); close(m.exited) }()
	if err := m.awaitAgent(ctx); err != nil {
		m.Stop()
		return err
	}
	return nil
}

func (m *Machine) arguments(kernel string, memoryMiB int) []string {
	network := []string{"user,model=virtio-net-pci"}
	for _, port := range []int{wire.AgentPort, wire.RuntimePort, wire.KubeletPort} {
		network = append(network, fmt.Sprintf("hostfwd=tcp:%s:%d-:%d", Address, port, port))
	}
	args := []string{
		"-accel", "tcg,thread=multi", "-cpu", "max", "-smp", strconv.Itoa(m.CPUs), "-m", strconv.Itoa(memoryMiB),
		"-nographic", "-no-reboot", "-monitor", "none",
		"-kernel", kernel, "-initrd", m.path("initrd.gz"), "-append", "console=ttyS0 quiet panic=5 log_buf_len=4M",
		"-nic", strings.Join(network, ","),
		"-drive", "file=" + m.path("root.img") + ",format=raw,if=virtio,cache=unsafe",
	}
	if m.SwapMiB > 0 {
		args = append(args, "-drive", "file="+m.path("swap.img")+",format=raw,if=virtio,cache=unsafe")
	}
	return args
}

// awaitAgent waits until the agent answers. The time is ample: the machine is emulated, and others may use the CPUs.
func (m *Machine) awaitAgent(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		if err := m.answers(ctx); err == nil {
			return nil
		} else if ctx.Err() != nil {
			return fmt.Errorf("the machine does not answer: %w; see %s", err, m.Logs)
		}
		select {
		case <-m.exited:
			return fmt.Errorf("the machine ended: %s; see %s", m.qemu.ProcessState, m.Logs)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// answers asks the agent once. QEMU accepts connections before anybody listens in the machine, so a question that got no
// answer has to be asked again, by another connection.
func (m *Machine) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	m.client.CloseIdleConnections()
	_, err := m.ReadFile(ctx, "/proc/uptime")
	return err
}

// Stop switches the machine off without warning, as a power cut does.
func (m *Machine) Stop() {
	if m.qemu == nil || m.exited == nil {
		return
	}
	_ = m.qemu.Process.Kill()
	<-m.exited
}

func (m *Machine) path(name string) string { return filepath.Join(m.Dir, name) }
