package kubelet

import (
	"testing"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// TestConfigState plays the table in the comment of config. Each event comes a minute after the one before: r means that the
// configuration is read, f that it cannot be read, s that a TLS session is resumed, n that a session is not resumed, b that
// the node boots.
func TestConfigState(t *testing.T) {
	const soon, inAnHour, in5Minutes = 0, configAge, configRetry
	for name, tc := range map[string]struct {
		events    string
		wantState configState
		// wantSure is how many events ago the configuration was last known to be the running kubelet's, -1 for never.
		wantSure int
		wantDue  time.Duration // how long after the event that set dueAt
		setAgo   int           // how many events ago dueAt was set
	}{
		"Unknown":                          {"", configUnknown, -1, soon, 0},
		"Unknown, read":                    {"r", configCurrent, 0, inAnHour, 0},
		"Unknown, cannot be read":          {"f", configUnknown, -1, in5Minutes, 0},
		"Unknown, session resumed":         {"s", configUnknown, -1, soon, 0},
		"Unknown, session not resumed":     {"n", configUnknown, -1, soon, 0},
		"Unknown, boot":                    {"b", configUnknown, -1, soon, 0},
		"Current, read":                    {"nrr", configCurrent, 0, inAnHour, 0},
		"Current, cannot be read":          {"nrf", configCurrent, 1, in5Minutes, 0},
		"Current, session resumed":         {"nrs", configCurrent, 0, inAnHour, 1},
		"Current, session not resumed":     {"nrsn", configDoubted, 1, soon, 0},
		"Current, no session ever resumed": {"nrn", configDoubted, 1, inAnHour, 1},
		"Current, boot":                    {"nrb", configDoubted, 1, soon, 0},
		"Doubted, read":                    {"nrsnr", configCurrent, 0, inAnHour, 0},
		"Doubted, cannot be read":          {"nrsnf", configDoubted, 2, in5Minutes, 0},
		"Doubted, session resumed":         {"nrsns", configDoubted, 2, soon, 1},
		"Doubted, session not resumed":     {"nrnn", configDoubted, 2, inAnHour, 2},
		"Doubted, boot":                    {"nrnb", configDoubted, 2, soon, 0},
		"restarted twice":                  {"nrsnrn", configDoubted, 1, soon, 0},
		"ceased to resume sessions":        {"nrsnrnrnrn", configDoubted, 1, inAnHour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var c config
			value, now := &facts.KubeletConfig{}, start
			for _, event := range tc.events {
				now = now.Add(time.Minute)
				map[rune]func(){
					'r': func() { c.read(value, now) }, 'f': func() { c.fail(&Problem{}, now) },
					's': func() { c.connected(true, now) }, 'n': func() { c.connected(false, now) },
					'b': func() { c.restarted(now) },
				}[event]()
			}
			if c.state != tc.wantState {
				t.Errorf("state %d, want %d", c.state, tc.wantState)
			}
			setAt := now.Add(-time.Duration(tc.setAgo) * time.Minute)
			if early, late := setAt.Add(tc.wantDue*8/10-time.Second), setAt.Add(tc.wantDue); !c.isDue(late) || (tc.wantDue > 0 && c.isDue(early)) {
				t.Errorf("due at %s, want %s after %s", c.dueAt, tc.wantDue, setAt)
			}
			if tc.wantSure < 0 {
				if c.believed(now) != nil {
					t.Error("a configuration that was never read is believed")
				}
				return
			}
			end := now.Add(-time.Duration(tc.wantSure) * time.Minute).Add(configDoubt)
			if c.believed(end) != value || c.believed(end.Add(time.Second)) != nil {
				t.Errorf("last known to be current at %s; want it believed until %s", c.sureAt, end)
			}
		})
	}
}

// TestConfigStateWhenTheClockJumps: when the clock is put back or ahead, no read is delayed and no configuration is
// forgotten.
func TestConfigStateWhenTheClockJumps(t *testing.T) {
	for name, tc := range map[string]struct {
		jump    time.Duration
		wantDue bool
	}{
		"an hour back":  {-time.Hour, true},
		"an hour ahead": {time.Hour, true},
		"none":          {0, false},
	} {
		t.Run(name, func(t *testing.T) {
			var c config
			c.read(&facts.KubeletConfig{}, start)
			now := start.Add(tc.jump)
			if c.isDue(now) != tc.wantDue || c.believed(now) == nil {
				t.Errorf("due %t, want %t; believed %t", c.isDue(now), tc.wantDue, c.believed(now) != nil)
			}
			c.connected(true, now)
			if c.sureAt != now {
				t.Error("a resumed session did not renew the configuration")
			}
		})
	}
}
