package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// basePrefix begins the name of every group that is made here; nothing else is ever written to or removed.
const basePrefix = "killorder-kernel-"

// hierarchy is the mounted memory controller.
type hierarchy struct {
	root    string
	version int
}

// group is one memory cgroup of ours.
type group struct {
	hierarchy
	path string
}

// findHierarchy looks for the memory controller in the mounts of this process, v1 first: where both are
// mounted, v1 has the controller.
func findHierarchy() (hierarchy, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return hierarchy{}, err
	}
	var unified string
	for line := range strings.Lines(string(mounts)) {
		mount, fs, _ := strings.Cut(line, " - ")
		fields, options := strings.Fields(mount), strings.Fields(fs)
		if len(fields) < 5 || len(options) < 3 {
			continue
		}
		switch {
		case options[0] == "cgroup" && strings.Contains(","+options[2]+",", ",memory,"):
			return hierarchy{root: fields[4], version: 1}, nil
		case options[0] == "cgroup2":
			unified = fields[4]
		}
	}
	if unified == "" {
		return hierarchy{}, errors.New("no memory cgroup controller is mounted")
	}
	enabled, err := os.ReadFile(filepath.Join(unified, "cgroup.subtree_control"))
	if err != nil || !bytes.Contains(enabled, []byte("memory")) {
		return hierarchy{}, fmt.Errorf("%s does not hand the memory controller to groups below it", unified)
	}
	return hierarchy{root: unified, version: 2}, nil
}

// newBase makes the group that all others of this run are below.
func (h hierarchy) newBase(name string) (*group, error) {
	g := &group{hierarchy: h, path: filepath.Join(h.root, name)}
	return g, g.create(true)
}

// child makes a group below g. A group that is to have children itself is an inner one: on v2 it may hold no
// processes.
func (g *group) child(name string, inner bool) (*group, error) {
	c := &group{hierarchy: g.hierarchy, path: filepath.Join(g.path, name)}
	return c, c.create(inner)
}

func (g *group) create(inner bool) error {
	if err := os.Mkdir(g.path, 0o755); err != nil {
		return err
	}
	switch {
	case g.version == 2 && inner:
		return g.write("cgroup.subtree_control", "+memory")
	case g.version == 1 && g.read("memory.use_hierarchy") == "0":
		return g.write("memory.use_hierarchy", "1") // before Linux 5.11 limits do not add up by themselves
	}
	return nil
}

// setLimit in bytes, without swap beyond it.
func (g *group) setLimit(bytes int64) error {
	limit := strconv.FormatInt(bytes, 10)
	if g.version == 2 {
		return errors.Join(g.write("memory.max", limit), g.writeIfThere("memory.swap.max", "0"))
	}
	return errors.Join(g.write("memory.limit_in_bytes", limit), g.writeIfThere("memory.memsw.limit_in_bytes", limit))
}

// noSwap keeps the group's memory out of swap.
func (g *group) noSwap() error { return g.writeIfThere("memory.swap.max", "0") }

// add moves a process into the group.
func (g *group) add(pid int) error { return g.write("cgroup.procs", strconv.Itoa(pid)) }

// usage of the group in bytes: all that counts against its limit.
func (g *group) usage() (int64, error) {
	return strconv.ParseInt(g.read(g.byVersion("memory.usage_in_bytes", "memory.current")), 10, 64)
}

// stat is an entry of memory.stat in bytes, with the groups below.
func (g *group) stat(v1, v2 string) (int64, error) {
	return entry(g.read("memory.stat"), g.byVersion(v1, v2))
}

// kills is how many processes of the group itself the OOM killer has killed; on v2 of those below it too.
func (g *group) kills() (int64, error) {
	return entry(g.read(g.byVersion("memory.oom_control", "memory.events")), "oom_kill")
}

// entry of a file of lines "name number".
func entry(text, name string) (int64, error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, fmt.Errorf("no entry %q", name)
}

func (g *group) byVersion(v1, v2 string) string {
	if g.version == 2 {
		return v2
	}
	return v1
}

// read returns a file of the group, "" if it cannot be read: who parses it reports that.
func (g *group) read(file string) string {
	b, err := os.ReadFile(filepath.Join(g.path, file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func (g *group) write(file, value string) error {
	return os.WriteFile(filepath.Join(g.path, file), []byte(value), 0)
}

func (g *group) writeIfThere(file, value string) error {
	if _, err := os.Stat(filepath.Join(g.path, file)); err == nil {
		return g.write(file, value)
	}
	return nil
}

// remove kills what is left in the group and those below, and removes them. A group stays busy for a moment
// after its last process died.
func (g *group) remove(patience time.Duration) error {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = g.removeOnce(); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return fmt.Errorf("remove group: %w", err)
}

func (g *group) removeOnce() error {
	below, err := os.ReadDir(g.path)
	if err != nil {
		return err
	}
	for _, e := range below {
		if e.IsDir() {
			c := &group{hierarchy: g.hierarchy, path: filepath.Join(g.path, e.Name())}
			if err := c.removeOnce(); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	for pid := range strings.FieldsSeq(g.read("cgroup.procs")) {
		if n, err := strconv.Atoi(pid); err == nil && n > 0 {
			_ = syscall.Kill(n, syscall.SIGKILL) // it may have just ended
		}
	}
	return syscall.Rmdir(g.path)
}
