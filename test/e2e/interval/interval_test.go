package interval

import (
	"math"
	"testing"
)

// TestWilson compares with published figures: the examples of Newcombe (1998), Statistics in Medicine 17, table I, and two that
// follow from the formula by hand.
func TestWilson(t *testing.T) {
	for name, tc := range map[string]struct {
		right, all        int
		wantLow, wantHigh float64
	}{
		"Newcombe's first example":  {81, 263, 0.2553, 0.3662},
		"Newcombe's second example": {15, 148, 0.0624, 0.1605},
		"Newcombe's third example":  {0, 20, 0, 0.1611},
		"Newcombe's fourth example": {1, 29, 0.0061, 0.1718},
		"all of fifty":              {50, 50, 0.9287, 1},
		"half":                      {5, 10, 0.2366, 0.7634},
	} {
		t.Run(name, func(t *testing.T) {
			low, high := Wilson(tc.right, tc.all)
			if math.Abs(low-tc.wantLow) > 0.00006 || math.Abs(high-tc.wantHigh) > 0.00006 {
				t.Errorf("%.4f to %.4f; want %.4f to %.4f", low, high, tc.wantLow, tc.wantHigh)
			}
		})
	}
}
