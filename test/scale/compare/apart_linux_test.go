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

// TestPlaceProcess: all threads of a process have the cores that they were given, and so has a program that the process starts.
func TestPlaceProcess(t *testing.T) {
	c, err := readCores()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := placeProcess(os.Getpid(), c.all); err != nil {
			t.Error(err)
		}
	})
	if err := placeProcess(os.Getpid(), c.second); err != nil {
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
		if err := unix.SchedGetaffinity(id, &got); err != nil || got != c.second {
			t.Errorf("thread %d has cores %v (%v), want %v", id, got, err, c.second)
		}
	}
	status, err := exec.Command("cat", "/proc/self/status").Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("Cpus_allowed_list:\t%s\n", listed(c.second)); !strings.Contains(string(status), want) {
		t.Errorf("a program that was started has not %q:\n%s", want, status)
	}
	if err := placeProcess(1<<22+1, c.second); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("placing a process that does not exist: error %v", err)
	}
}

// listed writes cores as the kernel does in /proc/PID/status: 0-3,8.
func listed(s unix.CPUSet) string {
	var parts []string
	for core := 0; core < 8192 && len(parts) <= s.Count(); core++ {
		if !s.IsSet(core) {
			continue
		}
		last := core
		for s.IsSet(last + 1) {
			last++
		}
		if last == core {
			parts = append(parts, strconv.Itoa(core))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", core, last))
		}
		core = last
	}
	return strings.Join(parts, ",")
}
