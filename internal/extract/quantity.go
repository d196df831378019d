package extract

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Of what is longer, nothing is parsed: for 1e-9999999 ParseQuantity takes seconds, with a digit more minutes. The
// schema of KillOrderPolicy has the same bounds.
const (
	maxQuantity = 64
	maxExponent = len("999")
)

// parseQuantity parses a quantity of 0 or more that comes from outside: from a policy, or from a kubelet.
func parseQuantity(text string) (q resource.Quantity, ok bool) {
	e := strings.LastIndexAny(text, "eE")
	if len(text) > maxQuantity || (e >= 0 && len(strings.TrimLeft(text[e+1:], "+-")) > maxExponent) {
		return q, false
	}
	q, err := resource.ParseQuantity(text)
	return q, err == nil && q.Sign() >= 0
}

func notMemory(text string) error {
	return fmt.Errorf("%.*q is not an amount of memory of 0 or more", maxQuantity, text)
}
