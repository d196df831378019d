package main

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

const asMain = "KUBECTL_KILLORDER_TEST_MAIN"

// TestMain makes the test's binary the program, for tests that need a process of their own.
func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		os.Args = append([]string{"kubectl-killorder"}, os.Args[1:]...)
		main()
	}
	os.Exit(m.Run())
}

// TestSignals: the first signal ends the program, though it waits for its standard input.
func TestSignals(t *testing.T) {
	for name, tc := range map[string]struct {
		signal syscall.Signal
		want   int
	}{
		"Ctrl-C":    {syscall.SIGINT, 130},
		"terminate": {syscall.SIGTERM, 143},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "rank", "-f", "-")
			cmd.Env = append(os.Environ(), asMain+"=1")
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// A pipe takes 64 kB: once this is written, the program reads, so its signals are in place.
			if _, err := stdin.Write(bytes.Repeat([]byte("\n"), 1<<20)); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // its status is looked at below
			if got := cmd.ProcessState.ExitCode(); got != tc.want {
				t.Errorf("exit status %d, want %d", got, tc.want)
			}
		})
	}
}
