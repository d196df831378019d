package forecast

import (
	"math"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

const (
	// maxSamples of a series, spacing seconds apart: nine minutes. The spacing is a little under the minute of
	// metrics-server's default, so that readings which come a second early are not left out.
	maxSamples, spacing = 10, 55
	// maxAge in seconds, from which a sample says nothing about present growth.
	maxAge = uint32(facts.UnavailableAfter / time.Second)
	// maxAhead in seconds: the clocks of nodes may be ahead by that much, as in the readings kept.
	maxAhead = uint32(facts.MaxClockSkew / time.Second)
	// sampleUnit in bytes: 32 bits of them are 64 TiB.
	sampleUnit = 16 << 10
	// patience is how many readings in a row have to be without an estimate for the last one to go.
	patience = 2
)

// times in Unix seconds: of the reading, and of the present.
type times struct{ read, now uint32 }

// seconds of a time that is neither before 1970 nor, with all that is added to it here, after 2106; else 0.
func seconds(t time.Time) uint32 {
	if s := t.Unix(); s > 0 && s < math.MaxUint32-int64(2*Horizon/time.Second) {
		return uint32(s)
	}
	return 0
}

// sample is an amount of memory in sampleUnits at a time in Unix seconds.
type sample struct{ at, units uint32 }

// series is the last samples of one amount, oldest first, and what they foretell.
type series struct {
	samples [maxSamples]sample
	count   uint8
	// doubts is how many readings in a row had no estimate.
	doubts uint8
	// reached: the level was reached, and since then readings have not been below it by more than noise.
	reached bool
	// due is when the level is reached by the last estimate, in Unix seconds; 0 if there is none.
	due uint32
}

// estimate adds a reading of used bytes and returns the time left until they are level bytes; 0 if they are, or if
// nothing meaningful can be said. A difference within noise bytes means nothing.
func (s *series) estimate(t times, used, level, noise int64) time.Duration {
	if s.add(t, used) {
		s.foretell(level, noise)
	}
	if s.reached = used >= level || (s.reached && level-used <= noise); s.reached {
		s.due = 0
	}
	return s.left(t.now)
}

// foretell makes a new estimate. One that there was before stays while only a single reading is in its way.
func (s *series) foretell(level, noise int64) {
	t := s.trend()
	if in, ok := t.until(float64(level), float64(noise), s.due != 0); ok {
		s.due, s.doubts = s.samples[s.count-1].at+in, 0
		return
	}
	s.doubts++
	if s.doubts >= patience {
		s.due, s.doubts = 0, 0
	}
}

// left is the time until due, at least a second while there is an estimate.
func (s *series) left(now uint32) time.Duration {
	left := max(time.Duration(int64(s.due)-int64(now))*time.Second, time.Second)
	if s.due == 0 || left > Horizon {
		return 0
	}
	return left
}

// add takes a reading, unless it is no newer than the last. The newest reading is always a sample; it gives way to
// the next if that comes too soon after the one before.
func (s *series) add(t times, bytes int64) bool {
	if s.count > 0 && s.last().at > t.now+maxAhead {
		*s = series{} // the clock was set back
	}
	if t.read == 0 || t.read > t.now+maxAhead || (s.count > 0 && t.read <= s.last().at) {
		return false
	}
	if s.count > 1 && s.last().at-s.samples[s.count-2].at < spacing {
		s.count--
	}
	old := uint8(0)
	for old < s.count && (s.samples[old].at+maxAge < t.read || s.count-old == maxSamples) {
		old++
	}
	copy(s.samples[:], s.samples[old:s.count])
	if s.count -= old; s.count == 0 {
		s.due = 0 // of readings long ago
	}
	s.samples[s.count] = sample{t.read, uint32(min(bytes/sampleUnit, math.MaxUint32))}
	s.count++
	return true
}

func (s *series) last() sample { return s.samples[s.count-1] }
