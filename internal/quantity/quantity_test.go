package quantity_test

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/internal/quantity"
)

func TestParse(t *testing.T) {
	const (
		fine  = "fine"
		bound = "out of bounds"
		none  = "no quantity"
	)
	for text, want := range map[string]string{
		"0": fine, "200Mi": fine, "-5": fine, "512m": fine, "1.5Gi": fine, "1Ei": fine, "4E": fine, "1e9": fine,
		"1E+18": fine, "1e-18": fine, "1e999": fine, "1e-999": fine, strings.Repeat("9", 64): fine,
		"1e1000": bound, "1e-1000": bound, "1E+99999999": bound, "1e-99999999": bound, "-1e99999999": bound,
		"1e--99999999": bound, strings.Repeat("9", 65): bound, "0." + strings.Repeat("0", 1<<20) + "1": bound,
		"": none, "lots": none, "1eee": none, "1e5Mi": none,
	} {
		got := fine
		q, err := quantity.Parse(text)
		if err != nil {
			got = none
		}
		if errors.Is(err, quantity.ErrOutOfBounds) {
			got = bound
		}
		if got != want {
			t.Errorf("%.40q: %s (%v), want %s", text, got, err, want)
		}
		if err == nil {
			q.Cmp(*resource.NewQuantity(1, resource.BinarySI)) // does not end where the exponent is unbounded
		}
	}
}

// FuzzParse: whatever passes is parsed, compared and printed in no time.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"200Mi", "1e-999", "1e999", "1e99999999", "-.5E", "0." + strings.Repeat("0", 60) + "1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := quantity.Parse(text)
		if err != nil {
			return
		}
		_ = q.Cmp(*resource.NewQuantity(1, resource.BinarySI))
		if _, err := resource.ParseQuantity(q.String()); err != nil {
			t.Errorf("%q becomes %q: %v", text, q.String(), err)
		}
	})
}
