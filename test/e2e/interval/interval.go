// Package interval says how far a rate that was counted may be from the true one.
package interval

import (
	"fmt"
	"math"
)

// z is the quantile of the normal distribution for 95% confidence on both sides together.
const z = 1.959964

// Wilson returns the score interval of Wilson (1927) with 95% confidence for a rate that was seen right times in all tries, all
// being 1 or more: from low to high, both from 0 to 1. In contrast to the normal approximation, the interval also has a width
// where all tries, or none, were right.
func Wilson(right, all int) (low, high float64) {
	n := float64(all)
	rate, weight := float64(right)/n, z*z/n
	middle := (rate + weight/2) / (1 + weight)
	half := z / (1 + weight) * math.Sqrt(rate*(1-rate)/n+weight/(4*n))
	return max(0, middle-half), min(1, middle+half)
}

// Text writes a rate in percent and the interval of the true rate, in parentheses with a space before them; "" if nothing
// was counted.
func Text(right, all int) string {
	if all == 0 {
		return ""
	}
	low, high := Wilson(right, all)
	return fmt.Sprintf(" (%.1f%%, with 95%% confidence %.1f%% to %.1f%%)", 100*float64(right)/float64(all), 100*low, 100*high)
}
