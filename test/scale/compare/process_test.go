package compare

import "testing"

// TestPeakIsTheProgramsOwn: what this process takes is not counted to a program that it runs.
func TestPeakIsTheProgramsOwn(t *testing.T) {
	held := make([]byte, 64<<20)
	for i := range held {
		held[i] = 1
	}
	c, err := run(t.Context(), true, "sh", "-c", "sleep 0.05; echo done")
	if err != nil || string(c.output) != "done\n" {
		t.Fatalf("%q, %v", c.output, err)
	}
	if c.peak <= 0 || c.peak >= int64(len(held)) {
		t.Errorf("a peak of %d bytes, beside %d of this process", c.peak, len(held))
	}
}
