package extract

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/internal/quantity"
)

// parseQuantity parses a quantity of 0 or more that comes from outside: from a policy, or from a kubelet.
func parseQuantity(text string) (q resource.Quantity, ok bool) {
	q, err := quantity.Parse(text)
	return q, err == nil && q.Sign() >= 0
}

func notMemory(text string) error {
	return fmt.Errorf("%.*q is not an amount of memory of 0 or more", quantity.MaxLength, text)
}
