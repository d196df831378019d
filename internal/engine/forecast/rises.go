package forecast

import (
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// swing is how far a pod's usage can come up again, in bytes, by what its samples show: from the last sample to the highest.
func swing(samples []facts.Sample) int64 {
	last := samples[len(samples)-1].WorkingSet
	highest := last
	for _, s := range samples {
		highest = max(highest, s.WorkingSet)
	}
	return highest - last
}

// rise is a part of a pod's samples in which none is lower than the one before.
type rise struct {
	// end is the index of its last and highest sample.
	end   int
	bytes int64
	// fastest growth between two samples, in bytes a second.
	fastest float64
}

// givenBack reports whether half of the rise was gone again later.
func (r *rise) givenBack(samples []facts.Sample) bool {
	top := samples[r.end].WorkingSet
	return slices.ContainsFunc(samples[r.end+1:], func(s facts.Sample) bool { return top-s.WorkingSet > r.bytes/2 })
}

// growthOf is the fastest growth of a pod, in bytes a second; 0 if the samples show none. A rise that was given back is noise, or memory
// that a program takes and gives back in turn. Other rises are growth, in as far as they are larger than such noise.
func growthOf(samples []facts.Sample) (growth float64) {
	var room [8]rise
	noise, rises := int64(0), risesOf(samples, room[:0])
	for i := range rises {
		if r := &rises[i]; r.givenBack(samples) {
			noise = max(noise, r.bytes)
		}
	}
	for i := range rises {
		if r := &rises[i]; r.bytes > noise && !r.givenBack(samples) {
			growth = max(growth, r.fastest*float64(r.bytes-noise)/float64(r.bytes))
		}
	}
	return growth
}

// risesOf appends the samples' rises, oldest first. Where a node was left alone between the last two samples, growth may have begun late
// between these two, and goes on faster than the two tell. So their growth is taken to be of the second half of the time between them, but
// of usualSpacing at least. Growth that began between two earlier samples went on until the next sample, which tells how fast.
func risesOf(samples []facts.Sample, rises []rise) []rise {
	rising := false
	for i := 1; i < len(samples); i++ {
		a, b := samples[i-1], samples[i]
		if b.WorkingSet < a.WorkingSet {
			rising = false
			continue
		}
		seconds := float64(max(b.At-a.At, 1))
		if i == len(samples)-1 {
			seconds = max(seconds/2, min(seconds, usualSpacing))
		}
		if !rising {
			rises = append(rises, rise{})
			rising = true
		}
		r, step := &rises[len(rises)-1], b.WorkingSet-a.WorkingSet
		r.end, r.bytes, r.fastest = i, r.bytes+step, max(r.fastest, float64(step)/seconds)
	}
	return rises
}
