package kubelet

import (
	"fmt"
	"time"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage/kubelet/summary"
)

const (
	// configAge is how long after a read the configuration is read again. A configuration changes only when the kubelet
	// restarts, and most restarts are noticed sooner by other signs.
	configAge = time.Hour
	// configRetry is how long after a failed read the configuration is read again.
	configRetry = 5 * time.Minute
	// unresumedMost is how many new sessions after a resumed one count as a restart each; further new sessions do not count.
	// A kubelet may restart several times in a row, but a kubelet that no longer resumes any session must not be asked for
	// its configuration at each connection.
	unresumedMost = 3
	// unresumedFirst is unresumedMost for a kubelet that has not been asked yet. Its first connection has no session to
	// resume. If the second connection resumes none either, the kubelet may have restarted in between, as kubelets of new
	// nodes do: then the configuration is read once more.
	unresumedFirst = 2
	// configDoubt is how long a configuration is still believed after it was last known to be the running kubelet's.
	// Kubelets that resume no TLS session are read once in configAge, so their configuration is read again before it is
	// dropped.
	configDoubt = 2 * configAge
	// maxConfigz bounds an answer of /configz, in bytes; a real one has some 6 kB.
	maxConfigz = 128 << 10
)

var errLargeConfig error = summary.BoundError(fmt.Sprintf("is larger than %d KiB", maxConfigz>>10))

// configState says whether a configuration is the running kubelet's.
type configState int8

const (
	// configUnknown: the configuration was never read.
	configUnknown configState = iota
	// configCurrent while TLS session, boot ID and version still match those seen when the configuration was read.
	configCurrent
	// configDoubted: the kubelet may have restarted since the configuration was read, and may now have another
	// configuration.
	configDoubted
)

// config is what is known of a kubelet's configuration. A kubelet forgets its TLS sessions when it restarts, and a
// restart is the only way to another configuration.
//
//	state      read       cannot be read   session resumed      session not resumed   other boot or version
//	Unknown    Current    Unknown          Unknown              Unknown               Unknown
//	Current    Current    Current          Current, sure now    Doubted               Doubted
//	Doubted    Current    Doubted          Doubted              Doubted               Doubted
//	next read  in 1 h     in 5 min         as before            now, if one of the    now
//	                                                            3 before was resumed,
//	                                                            or in the first two
//
// A configuration is believed until two hours after it was last known to be Current.
type config struct {
	state configState
	value *facts.KubeletConfig
	// problem is why the last request for the configuration failed, nil if it did not.
	problem *Problem
	// dueAt is when the configuration is read again.
	dueAt time.Time
	// sureAt is when the configuration was last known to be the running kubelet's.
	sureAt time.Time
	// resumes is how many more sessions that are not resumed count as restarts. For a kubelet that never resumes a session
	// it is soon 0.
	resumes int8
}

// read takes a configuration that was read.
func (c *config) read(value *facts.KubeletConfig, now time.Time) {
	c.state, c.value, c.problem = configCurrent, value, nil
	c.sureAt, c.dueAt = now, now.Add(jittered(configAge))
}

// fail takes a request for the configuration that failed.
func (c *config) fail(problem *Problem, now time.Time) {
	c.problem, c.dueAt = problem, now.Add(jittered(configRetry))
}

// connected takes a connection to the kubelet, which resumed the TLS session of the one before, or did not.
func (c *config) connected(resumed bool, now time.Time) {
	switch {
	case !resumed:
		c.doubt()
		if c.resumes > 0 {
			c.resumes--
			c.dueAt = now
		}
		return
	case c.state == configCurrent:
		c.sureAt = now
	}
	c.resumes = unresumedMost
}

// restarted takes a change of the node's boot ID or of the kubelet's version.
func (c *config) restarted(now time.Time) {
	c.doubt()
	c.dueAt = now
}

func (c *config) doubt() {
	if c.state == configCurrent {
		c.state = configDoubted
	}
}

// isDue reports whether the configuration should be read now. If dueAt is further ahead than configAge, the clock was put
// back after dueAt was set: the configuration is then read now.
func (c *config) isDue(now time.Time) bool {
	return !now.Before(c.dueAt) || c.dueAt.Sub(now) > configAge
}

// believed returns the configuration while it is believed, else nil.
func (c *config) believed(now time.Time) *facts.KubeletConfig {
	if now.Sub(c.sureAt) > configDoubt {
		return nil
	}
	return c.value
}
