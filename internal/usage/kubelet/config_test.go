package kubelet

import (
	"io"
	"net/http"
	"testing"
	"time"
)

func TestConfigurationIsReadWhenItMayHaveChanged(t *testing.T) {
	f := newFake(t, "worker-1")
	r := newRig(t, 30*time.Second, f)
	at := func(name string, after time.Duration, want int32) {
		t.Helper()
		before := f.configs.Load()
		r.at(t, after)
		if f.configs.Load()-before != want || r.Problem("worker-1") != "" {
			t.Errorf("%s: read %d times, want %d (%q)", name, f.configs.Load()-before, want, r.Problem("worker-1"))
		}
	}
	at("the first time", 0, 1)
	at("later", 10*time.Minute, 0)
	r.nodes[0].BootID = "boot-2"
	at("after a boot", 11*time.Minute, 1)
	r.nodes[0].Version = "v1.38.0"
	at("after an update", 12*time.Minute, 1)
	at("within an hour", 60*time.Minute, 0)
	at("after an hour", 72*time.Minute+time.Second, 1)
	f.restart(t)
	at("after a restart of the kubelet", 73*time.Minute, 1)
	at("only once for a restart", 74*time.Minute, 0)
	f.restart(t)
	healthy := f.stats
	f.stats = status(500)
	r.at(t, 74*time.Minute+10*time.Second)
	f.stats = healthy
	at("after a restart whose first answer was an error", 74*time.Minute+40*time.Second, 1)
	r.nodes[0].UID = "another"
	at("of a node recreated", 75*time.Minute, 1)
	r.Forget()
	if r.Config("worker-1") != nil {
		t.Error("the configuration was not forgotten")
	}
}

// TestConfigurationAfterAnEarlyRestart: a kubelet that restarts between its first two requests has its configuration read
// again, although no session was resumed before. A kubelet that goes on resuming no session is then left alone.
func TestConfigurationAfterAnEarlyRestart(t *testing.T) {
	f := newFake(t, "worker-1")
	r := newRig(t, 30*time.Second, f)
	for i, want := range []int32{1, 2, 2, 2} {
		if r.at(t, time.Duration(i)*30*time.Second); f.configs.Load() != want {
			t.Errorf("request %d: the configuration was read %d times by then, want %d", i+1, f.configs.Load(), want)
		}
		f.restart(t)
	}
}

// TestConfigurationIsNotBelievedForEver: a configuration is believed for two hours after it was last known to be the running
// kubelet's, and no longer.
func TestConfigurationIsNotBelievedForEver(t *testing.T) {
	for name, change := range map[string]func(*rig, *fake){
		"a kubelet that fails":                     func(_ *rig, f *fake) { f.stats = status(500) },
		"a boot, and nothing is read after it":     func(r *rig, f *fake) { r.nodes[0].BootID, f.stats = "boot-2", status(500) },
		"an update, and its configuration is kept": func(r *rig, f *fake) { r.nodes[0].Version, f.configz = "v1.38.0", status(403) },
		"a restart, and its configuration is kept": func(_ *rig, f *fake) { f.restart(t); f.configz = status(403) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "worker-1")
			healthy, config := f.stats, f.configz
			r := newRig(t, 30*time.Second, f)
			r.at(t, 30*time.Minute)
			change(r, f)
			for minutes := 35; minutes <= 150; minutes += 5 {
				r.at(t, time.Duration(minutes)*time.Minute)
				if r.Config("worker-1") == nil {
					t.Fatalf("not known any more after %d minutes", minutes-30)
				}
			}
			r.at(t, 151*time.Minute)
			if r.Config("worker-1") != nil {
				t.Error("still believed after more than two hours")
			}
			f.stats, f.configz = healthy, config
			r.at(t, 160*time.Minute)
			if r.Config("worker-1") == nil {
				t.Error("not known again")
			}
		})
	}
}

// TestConfigurationWithoutSessions: the configuration of a kubelet that resumes no TLS session is read hourly, and is known
// all the time.
func TestConfigurationWithoutSessions(t *testing.T) {
	f := newFake(t, "worker-1")
	r := newRig(t, 30*time.Second, f)
	for minutes := 0; minutes <= 200; minutes += 5 {
		r.at(t, time.Duration(minutes)*time.Minute)
		if r.Config("worker-1") == nil {
			t.Fatalf("not known after %d minutes", minutes)
		}
		f.restart(t)
	}
	if got := f.configs.Load(); got < 4 || got > 5 {
		t.Errorf("read %d times in 200 minutes, want once an hour", got)
	}
}

// TestConfigurationThatCannotBeRead: the kubelet's usage is still read, and the last known configuration stays.
func TestConfigurationThatCannotBeRead(t *testing.T) {
	tests := map[string]struct {
		configz http.HandlerFunc
		want    string
	}{
		"forbidden": {status(403), "The kubelet answers 403 Forbidden: the operator lacks get on nodes/configz."},
		"garbage":   {says("<html>"), "The kubelet's answer of nodes/configz is not what it should be."},
		"absurd": {
			says(`{"kubeletconfig":{"evictionHard":{"memory.available":"1e-9999999"}}}`),
			"The kubelet's answer of nodes/configz is not what it should be.",
		},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for range maxConfigz/8 + 1 {
				_, _ = io.WriteString(w, "         ")
			}
		}, "The kubelet's answer of nodes/configz is refused: it is larger than 128 KiB."},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "worker-1")
			r := newRig(t, 30*time.Second, f)
			r.at(t, 0)
			f.configz = tc.configz
			s, failures := r.at(t, 2*time.Hour)
			if len(s.pods) != 1 || failures != nil || r.NeedsOther("worker-1") {
				t.Errorf("usage was not read: %v", failures)
			}
			if got := r.Problem("worker-1"); got != tc.want || r.Config("worker-1") == nil {
				t.Errorf("problem %q, configuration %v; want %q and the one before", got, r.Config("worker-1"), tc.want)
			}
			before := f.configs.Load()
			r.at(t, 2*time.Hour+4*time.Minute)
			if f.configs.Load() != before {
				t.Error("tried again too soon")
			}
			r.at(t, 2*time.Hour+5*time.Minute)
			if f.configs.Load() != before+1 {
				t.Error("not tried again")
			}
		})
	}
}
