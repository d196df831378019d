package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestCleanUp: whatever ends the test, its groups and processes go.
func TestCleanUp(t *testing.T) {
	g := onTestbed(t)
	for name, end := range map[string]func(p *process) error{
		"killed":      func(p *process) error { return p.process.Signal(syscall.SIGKILL) },
		"interrupted": func(p *process) error { return p.process.Signal(syscall.SIGINT) },
		"panicked":    func(p *process) error { _, err := fmt.Fprintln(p.in, "panic"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			p := &process{}
			defer p.end()
			if err := p.spawn(roleDoomed); err != nil {
				t.Fatal(err)
			}
			base := filepath.Join(g.base.root, fmt.Sprintf("%s%d", basePrefix, p.pid()))
			if _, err := os.Stat(base); err != nil {
				t.Fatalf("nothing to clean up: %v", err)
			}
			if err := end(p); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(answerPatience); ; time.Sleep(10 * time.Millisecond) {
				if _, err := os.Stat(base); errors.Is(err, os.ErrNotExist) {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s is left", base)
				}
			}
		})
	}
}
