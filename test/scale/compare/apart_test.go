package compare

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func setOf(cores ...int) (s unix.CPUSet) {
	for _, c := range cores {
		s.Set(c)
	}
	return s
}

func TestHalves(t *testing.T) {
	for name, tc := range map[string]struct {
		all, first, second unix.CPUSet
		wantErr            string
	}{
		"two cores":                      {all: setOf(0, 1), first: setOf(0), second: setOf(1)},
		"an odd number":                  {all: setOf(0, 1, 2), first: setOf(0, 1), second: setOf(2)},
		"cores that a container has got": {all: setOf(3, 4, 9, 70), first: setOf(3, 4), second: setOf(9, 70)},
		"one core":                       {all: setOf(5), wantErr: "-apart needs two cores, and this process has 1"},
	} {
		t.Run(name, func(t *testing.T) {
			first, second, err := halves(tc.all)
			if tc.wantErr != "" {
				if err == nil || err.Error() != tc.wantErr {
					t.Errorf("error %v, want %q", err, tc.wantErr)
				}
				return
			}
			if err != nil || first != tc.first || second != tc.second {
				t.Errorf("halves %v and %v (%v), want %v and %v", first, second, err, tc.first, tc.second)
			}
		})
	}
}

// TestPlaceProcess: all threads of another process have the cores that they were given.
func TestPlaceProcess(t *testing.T) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	_, second, err := halves(all)
	if err != nil {
		t.Skip(err)
	}
	sleep := exec.Command("sleep", "60")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	if err := placeProcess(sleep.Process.Pid, second); err != nil {
		t.Fatal(err)
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", sleep.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, _ := strconv.Atoi(thread.Name())
		var got unix.CPUSet
		if err := unix.SchedGetaffinity(id, &got); err != nil || got != second {
			t.Errorf("thread %d has cores %v (%v), want %v", id, got, err, second)
		}
	}
	if err := placeProcess(1<<22+1, second); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("placing a process that does not exist: error %v", err)
	}
}
