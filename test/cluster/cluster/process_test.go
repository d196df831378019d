package cluster

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestProcess(t *testing.T) {
	tests := map[string]struct {
		script    string
		wantQuick bool // stops on being asked, not by force
	}{
		"stops when asked":  {`echo up; exec sleep 60`, true},
		"does not listen":   {`trap "" TERM; echo up; while :; do sleep 0.05; done`, false},
		"stopped meanwhile": {`echo up; kill -STOP $$; sleep 60`, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := &Cluster{Options: Options{Dir: t.TempDir()}}
			p, err := c.start("child", "/bin/sh", "-c", test.script)
			if err != nil {
				t.Fatal(err)
			}
			err = until(t.Context(), p, time.Minute, "not up", func(context.Context) error {
				if !strings.Contains(string(tail(p.logFile, 1)), "up") {
					return os.ErrNotExist
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			grace := 500 * time.Millisecond
			if test.wantQuick {
				grace = time.Minute // a busy machine takes its time to end a program
			}
			began := time.Now()
			p.stop(grace)
			if quick := time.Since(began) < grace; quick != test.wantQuick {
				t.Errorf("stopped after %s", time.Since(began))
			}
			if files, _ := filepath.Glob(filepath.Join(c.Dir, "*.pid")); len(files) > 0 || !p.ended() {
				t.Errorf("left behind: %v, ended %t", files, p.ended())
			}
		})
	}
}

func TestProcessThatFailsTellsItsLog(t *testing.T) {
	c := &Cluster{Options: Options{Dir: t.TempDir()}}
	p, err := c.start("child", "/bin/sh", "-c", "echo bad flag >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	err = until(t.Context(), p, time.Minute, "not up", func(context.Context) error { return os.ErrNotExist })
	if err == nil || !strings.Contains(err.Error(), "child ended: exit status 3\nbad flag") {
		t.Errorf("have %v", err)
	}
	if _, err := c.start("child", "/no/such/program"); err == nil || !strings.Contains(err.Error(), "starting child: ") {
		t.Errorf("have %v", err)
	}
}

func TestFolderInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(dir); err == nil || !strings.Contains(err.Error(), dir+" is not empty") {
		t.Errorf("have %v", err)
	}
	if have, err := prepare(filepath.Join(dir, "new", "one")); err != nil || have != filepath.Join(dir, "new", "one") {
		t.Errorf("have %s, %v", have, err)
	}
}
