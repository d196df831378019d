package forecast

import (
	"math"
	"slices"
)

const (
	// minSamples over minSpan seconds are what a trend takes.
	minSamples, minSpan = 4, 180
	// maxScatter is the part of a growth that samples may typically be away from its line. With ten samples, the
	// slope of one that just passes is then known to about a sixth.
	maxScatter = 0.1
)

// trend is a line through samples, in bytes and seconds: Theil-Sen's, whose slope is the median of the slopes
// between all pairs of samples. Of ten samples two can be anything without the line going their way.
type trend struct {
	slope float64
	// growth of the line from the first sample to the last, and no more than between the least and the largest.
	growth, span float64
	// last is where the line is at the last sample.
	last float64
	// scatter is the median distance of samples from the line.
	scatter float64
	// rising of all pairs of samples have a slope above 0.
	rising, pairs int
	samples       int
}

func (s *series) trend() trend { return trendOf(s.samples[:s.count]) }

// trendOf returns the line through up to maxSamples samples, whose times differ and rise.
func trendOf(samples []sample) trend {
	t := trend{samples: len(samples)}
	if t.samples < 2 {
		return t
	}
	last := samples[len(samples)-1]
	var room [maxSamples * (maxSamples - 1) / 2]float64
	slopes := room[:0]
	for i, b := range samples {
		for _, a := range samples[:i] {
			slope := (float64(b.units) - float64(a.units)) * sampleUnit / float64(b.at-a.at)
			if slope > 0 {
				t.rising++
			}
			slopes = append(slopes, slope)
		}
	}
	t.pairs, t.span, t.slope = len(slopes), float64(last.at-samples[0].at), median(slopes)
	t.growth = min(t.slope*t.span, spread(samples))
	ends := room[:0]
	for _, a := range samples {
		ends = append(ends, float64(a.units)*sampleUnit+t.slope*float64(last.at-a.at))
	}
	t.last = median(ends)
	for i := range ends {
		ends[i] = math.Abs(ends[i] - t.last)
	}
	t.scatter = median(ends)
	return t
}

// spread between the least and the largest sample, in bytes.
func spread(samples []sample) float64 {
	least, most := samples[0].units, samples[0].units
	for _, a := range samples {
		least, most = min(least, a.units), max(most, a.units)
	}
	return float64(most-least) * sampleUnit
}

// median sorts the values, of which there is at least one.
func median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// steady reports whether the line says something: it rises, by more than noise and by far more than the samples scatter
// around it, and three quarters of the pairs of samples rise with it. Again, after another line that said something, half the
// growth is enough: a line that just passes would come and go.
func (t *trend) steady(noise float64, again bool) bool {
	growth := t.growth
	if again {
		growth *= 2
	}
	return t.samples >= minSamples && t.span >= minSpan &&
		growth > noise && t.scatter <= maxScatter*growth && 4*t.rising >= 3*t.pairs
}

// until is the seconds from the last sample until the line is at a level, and whether that is meaningful: the line is steady,
// and there before the Horizon.
func (t *trend) until(level, noise float64, again bool) (in uint32, ok bool) {
	if !t.steady(noise, again) {
		return 0, false
	}
	left := max(level-t.last, 0) / t.slope
	return uint32(min(left, math.MaxInt32)), left <= Horizon.Seconds()
}
