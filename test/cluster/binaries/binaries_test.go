package binaries

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRequiredVersion(t *testing.T) {
	tests := map[string]struct{ goMod, want, wantErr string }{
		"in a block":         {"require (\n\tk8s.io/kubernetes v1.37.2 // indirect\n)\n", "v1.37.2", ""},
		"alone":              {"require k8s.io/kubernetes v1.38.0\n", "v1.38.0", ""},
		"replaced elsewhere": {"require (\n\tk8s.io/kubernetes v1.37.2\n)\nreplace k8s.io/kubernetes => ../k v1.0.0\n", "v1.37.2", ""},
		"longer name only":   {"require k8s.io/kubernetes-extra v1.37.2\n", "", "does not require k8s.io/kubernetes"},
		"not there":          {"module x\n", "", "does not require k8s.io/kubernetes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := write(t, t.TempDir(), "go.mod", test.goMod, 0o644)
			have, err := requiredVersion(path, "k8s.io/kubernetes")
			if have != test.want || !contains(err, test.wantErr) {
				t.Errorf("have %q, %v; want %q, %q", have, err, test.want, test.wantErr)
			}
		})
	}
}

func TestLinkerFlagsTellTheVersion(t *testing.T) {
	have := linkerFlags(apiServer, "v1.37.2")
	for _, want := range []string{"version.gitVersion=v1.37.2", "version.gitMajor=1", "version.gitMinor=37"} {
		if !strings.Contains(have, want) {
			t.Errorf("%s lacks %s", have, want)
		}
	}
}

// repository makes an empty one whose module under builds/ requires what ours
// requires, and a builder for it.
func repository(t *testing.T) (*builder, *bytes.Buffer) {
	t.Helper()
	root, out := t.TempDir(), &bytes.Buffer{}
	dir := filepath.Join(root, "test", "cluster", "builds", shared)
	write(t, dir, "go.mod", "module x\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v1.37.2\n", 0o644)
	write(t, dir, "go.sum", "", 0o644)
	b := &builder{Options: Options{Root: root, Progress: out}, bin: filepath.Join(root, "bin", "k8s")}
	if err := os.MkdirAll(b.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	return b, out
}

func TestStampFollowsTheModule(t *testing.T) {
	b, _ := repository(t)
	p := apiServer
	if b.fresh(p) {
		t.Error("fresh though never built")
	}
	recipe, err := b.recipe(p)
	if err != nil {
		t.Fatal(err)
	}
	write(t, b.bin, "."+p.name+".stamp", recipe, 0o644)
	if b.fresh(p) {
		t.Error("fresh though only the stamp is there")
	}
	write(t, b.bin, p.name, "", 0o755)
	if !b.fresh(p) {
		t.Error("not fresh though just built")
	}
	write(t, b.moduleDir(p), "go.mod", "module x\n\nrequire "+p.from+" v1.37.3\n", 0o644)
	if b.fresh(p) {
		t.Error("fresh though go.mod requires another version")
	}
}

func TestAssetsFromTheEnvironment(t *testing.T) {
	b, _ := repository(t)
	dir := t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", dir)
	write(t, dir, "etcd", "", 0o755)
	write(t, dir, "kubectl", "", 0o755)
	if _, err := b.assets(t.Context()); !contains(err, "KUBEBUILDER_ASSETS="+dir+": no program kube-apiserver there") {
		t.Errorf("with a program missing: %v", err)
	}
	write(t, dir, "kube-apiserver", "", 0o755)
	if have, err := b.assets(t.Context()); have != dir || err != nil {
		t.Errorf("have %s, %v; want %s", have, err, dir)
	}
	if err := os.Remove(filepath.Join(dir, "kubectl")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.assets(t.Context()); err != nil {
		t.Errorf("without kubectl, which is not wanted: %v", err)
	}
	b.Kubectl = true
	if _, err := b.assets(t.Context()); !contains(err, "no program kubectl there") {
		t.Errorf("without kubectl, which is wanted: %v", err)
	}
}

func TestEnvtest(t *testing.T) {
	assets := t.TempDir()
	for _, p := range []program{apiServer, etcd, kubectl} {
		write(t, assets, p.name, "", 0o755)
	}
	tests := map[string]struct{ script, want, wantErr string }{
		"downloaded before":  {`case "$*" in *--installed-only*) echo ` + assets + `;; *) exit 3;; esac`, assets, ""},
		"downloads":          {`case "$*" in *--installed-only*) exit 2;; list*) echo v1.37.0;; "use 1.37.x! "*) echo ` + assets + `;; esac`, assets, ""},
		"cannot be reached":  {`case "$*" in *--installed-only*) exit 2;; *) echo "no such host" >&2; exit 2;; esac`, "", "setup-envtest: no such host"},
		"has no such minor":  {`case "$*" in *--installed-only*) exit 2;; list*) ;; esac`, "", "it has no such version"},
		"incomplete content": {`echo /`, "/", "no program kube-apiserver there"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, _ := repository(t)
			write(t, filepath.Join(b.Root, "bin", "tools"), "setup-envtest", "#!/bin/sh\n"+test.script+"\n", 0o755)
			have, err := b.envtest(t.Context())
			if have != test.want || !contains(err, test.wantErr) {
				t.Errorf("have %q, %v; want %q, %q", have, err, test.want, test.wantErr)
			}
		})
	}
}

func TestSilentHostIsGivenUp(t *testing.T) {
	b, _ := repository(t)
	tool := write(t, t.TempDir(), "setup-envtest", "#!/bin/sh\nexec sleep 300\n", 0o755)
	began := time.Now()
	_, err := b.runEnvtest(t.Context(), 100*time.Millisecond, tool, "list")
	if !contains(err, "no answer within 100ms") || time.Since(began) > time.Minute {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

func TestFailedBuildSaysWhatItNeeds(t *testing.T) {
	b, out := repository(t)
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-mod=mod")
	err := b.build(t.Context(), apiServer)
	for _, want := range []string{"building kube-apiserver 1.37.2 failed after", "module lookup disabled by GOPROXY=off", "a Go module proxy that answers"} {
		if !contains(err, want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
	if !strings.Contains(out.String(), "building kube-apiserver 1.37.2 from source, about 6 minutes on 2 cores") {
		t.Errorf("progress: %s", out)
	}
	if files, _ := filepath.Glob(filepath.Join(b.bin, "*")); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestLockIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(path, func() { t.Error("waited for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	waiting, got := make(chan struct{}), make(chan error)
	go func() {
		second, err := lock(path, func() { close(waiting) })
		if err == nil {
			second()
		}
		got <- err
	}()
	<-waiting
	unlock()
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Error("the lock was not released")
	}
}

func write(t *testing.T, dir, name, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// contains tells whether an error has a text; "" means no error.
func contains(err error, text string) bool {
	if text == "" {
		return err == nil
	}
	return err != nil && strings.Contains(fmt.Sprint(err), text)
}
