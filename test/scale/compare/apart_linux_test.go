package compare

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func setOf(numbers ...int) (s unix.CPUSet) {
	for _, n := range numbers {
		s.Set(n)
	}
	return s
}

func TestHalve(t *testing.T) {
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
			got, err := halve(tc.all)
			if tc.wantErr != "" {
				if err == nil || err.Error() != tc.wantErr {
					t.Errorf("error %v, want %q", err, tc.wantErr)
				}
				return
			}
			if want := (cores{tc.all, tc.first, tc.second}); err != nil || got != want {
				t.Errorf("%v (%v), want %v", got, err, want)
			}
		})
	}
}

// TestPlaceProcess: all threads of this process run on the one core that they were given, and so does a program that the process starts.
func TestPlaceProcess(t *testing.T) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	core := 0
	for !all.IsSet(core) {
		core++
	}
	one := setOf(core)
	t.Cleanup(func() {
		if err := placeProcess(os.Getpid(), all); err != nil {
			t.Error(err)
		}
	})
	if err := placeProcess(os.Getpid(), one); err != nil {
		t.Fatal(err)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil || len(threads) < 2 {
		t.Fatalf("%d threads (%v)", len(threads), err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		var got unix.CPUSet
		if err := unix.SchedGetaffinity(id, &got); err != nil || got != one {
			t.Errorf("thread %d has cores %v (%v), want %v", id, got, err, one)
		}
	}
	status, err := exec.Command("cat", "/proc/self/status").Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("Cpus_allowed_list:\t%d\n", core); !strings.Contains(string(status), want) {
		t.Errorf("a program that this process started has not %q:\n%s", want, status)
	}
	if err := placeProcess(1<<22+1, one); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("placing a process that does not exist: error %v", err)
	}
}
