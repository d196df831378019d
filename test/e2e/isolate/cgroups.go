package isolate

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const cgroupRoot = "/sys/fs/cgroup"

// Unified reports whether the machine has cgroup v2 only.
func Unified() bool {
	_, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers"))
	return err == nil
}

// MemoryCgroup is the folder of a control group of the suite, as the memory controller knows it.
func MemoryCgroup(path ...string) string {
	root := filepath.Join(cgroupRoot, "memory")
	if Unified() {
		root = cgroupRoot
	}
	return filepath.Join(append([]string{root, run}, path...)...)
}

// hierarchies are the folders under which control groups are made. On cgroup v1 there is one folder for each controller (and
// the folder of v2, on machines that have both); on v2 there is one folder.
func hierarchies() ([]string, error) {
	if Unified() {
		return []string{cgroupRoot}, nil
	}
	file, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var found []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 2 && strings.HasPrefix(f[2], "cgroup") && strings.HasPrefix(f[1], cgroupRoot) {
			found = append(found, f[1])
		}
	}
	if !slices.Contains(found, filepath.Join(cgroupRoot, "memory")) {
		return nil, errors.New("the memory controller is not among them")
	}
	return found, nil
}

// makeCgroups makes the suite's control group. The kubelet makes all its groups under this one.
func makeCgroups() error {
	if elsewhere {
		return nil
	}
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range all {
		dir := filepath.Join(root, run)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		// A new group of v1 has no CPUs to run on, but the kubelet expects that its root group has some.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if data, err := os.ReadFile(filepath.Join(root, file)); err == nil && !Unified() {
				if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
					return err
				}
			}
		}
		if Unified() {
			if err := delegate(root, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// delegate gives all controllers of v2 to the children of the groups.
func delegate(groups ...string) error {
	for _, group := range groups {
		data, err := os.ReadFile(filepath.Join(group, "cgroup.controllers"))
		if err != nil {
			return err
		}
		for controller := range strings.FieldsSeq(string(data)) {
			file := filepath.Join(group, "cgroup.subtree_control")
			if err := os.WriteFile(file, []byte("+"+controller), 0o644); err != nil {
				return fmt.Errorf("%s: %w", controller, err)
			}
		}
	}
	return nil
}

// removeCgroups removes the groups, children first. Their processes have ended, which the kernel may take a moment
// to notice.
func removeCgroups() error {
	if elsewhere {
		return nil
	}
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range all {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
			if err = removeTree(filepath.Join(root, run)); err == nil {
				break
			}
			if time.Now().After(deadline) {
				return err
			}
		}
	}
	return nil
}

func removeTree(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, dir := range slices.Backward(dirs) {
		if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	return nil
}
