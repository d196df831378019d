package vm

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// boots names the environment variable that enables the test that boots a machine: this test takes half a minute, and needs
// root and QEMU.
const boots = "KILLORDER_VM_TEST"

func TestMachine(t *testing.T) {
	if os.Getenv(boots) == "" {
		t.Skip("set " + boots + " to boot a machine")
	}
	if why := Obstacle(); why != "" {
		t.Skip(why)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	m := newMachine(ctx, t)
	began := time.Now()
	if err := m.Start(ctx, 1024); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	t.Logf("booted in %s", time.Since(began))
	for script, want := range map[string]string{
		"cat /proc/self/oom_score_adj":                      "0\n",
		"cat /sys/fs/cgroup/cgroup.subtree_control":         "memory",
		"runc --version":                                    "runc version",
		"echo -997 >/proc/self/oom_score_adj && echo right": "right\n",
		"hostname": "machine\n",
	} {
		got, err := m.Shell(ctx, script)
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: want %q, got %q, %v", script, want, got, err)
		}
	}
	if _, err := m.Shell(ctx, "exit 3"); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a failing script: got %v", err)
	}
	testProcess(ctx, t, m)
	testPowerCut(ctx, t, m)
}

func newMachine(ctx context.Context, t *testing.T) *Machine {
	t.Helper()
	packages, err := Download(ctx, filepath.Join("..", "..", "..", "bin", "e2e", "packages"))
	if err != nil {
		t.Skip(err)
	}
	agent, images := filepath.Join(t.TempDir(), "agent"), filepath.Join(t.TempDir(), "images")
	build := exec.CommandContext(ctx, "go", "build", "-o", agent, "./agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if err := os.WriteFile(images, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := New(ctx, &Options{
		Name: "machine", Dir: t.TempDir(), Logs: t.TempDir(), Packages: packages, Programs: []string{agent}, Images: images,
		Interface: "lo", CPUs: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command(context.Background(), "", "ip", "addr", "del", Address+"/32", "dev", "lo") })
	return m
}

func testProcess(ctx context.Context, t *testing.T, m *Machine) {
	t.Helper()
	var output strings.Builder
	p, err := m.Run(ctx, &output, "/bin/sh", "-c", "echo begun; exec sleep 1000")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Signal(ctx, p.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Exited
	if p.Ended != "signal: killed" {
		t.Errorf("want that the process was killed, got %q", p.Ended)
	}
	if err := m.Signal(ctx, p.PID, 0); err == nil {
		t.Error("want an error about a process that has ended")
	}
}

func testPowerCut(ctx context.Context, t *testing.T, m *Machine) {
	t.Helper()
	if err := m.WriteFile(ctx, "/root/kept", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Shell(ctx, "sync"); err != nil {
		t.Fatal(err)
	}
	m.Stop()
	if err := m.Start(ctx, 2048); err != nil {
		t.Fatal(err)
	}
	if data, err := m.ReadFile(ctx, "/root/kept"); err != nil || string(data) != "kept" {
		t.Errorf("a file from before: got %q, %v", data, err)
	}
}
