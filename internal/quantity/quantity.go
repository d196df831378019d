// Package quantity makes and parses Kubernetes quantities of memory. It is the one place that decides which quantities from outside
// (from files, kubelets, metrics.k8s.io, policies) may be parsed at all, and how figures are rounded.
package quantity

import (
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// What is longer than these bounds is never given to resource.ParseQuantity (apimachinery v0.37.2). For 1e-9999999 that
// function takes seconds, with one digit more minutes, and for a million digits it takes seconds too; 1e99999999 is
// parsed at once, and its first comparison does not end. No amount of anything needs more. The schema of KillOrderPolicy
// has the same bounds.
const (
	// MaxLength of a quantity's text, in bytes.
	MaxLength = 64
	// MaxExponentDigits of a quantity's decimal exponent, of either sign.
	MaxExponentDigits = 3
)

// ErrOutOfBounds is a text that is too long, or whose exponent is.
var ErrOutOfBounds = errors.New("not an amount of anything: at most 64 characters and an exponent of three digits are read")

// Bounded reports whether the text may be given to resource.ParseQuantity. It says nothing of whether the text is a
// quantity.
func Bounded(text string) bool {
	if len(text) > MaxLength {
		return false
	}
	e := strings.LastIndexAny(text, "eE")
	return e < 0 || len(strings.TrimLeft(text[e+1:], "+-")) <= MaxExponentDigits
}

// Parse parses a quantity. The error is ErrOutOfBounds or one of resource.ParseQuantity.
func Parse(text string) (resource.Quantity, error) {
	if !Bounded(text) {
		return resource.Quantity{}, ErrOutOfBounds
	}
	return resource.ParseQuantity(text)
}

// Exact is an amount of bytes as somebody configured it.
func Exact(bytes int64) resource.Quantity { return *resource.NewQuantity(bytes, resource.BinarySI) }

// Figure is an amount of bytes that was read, or follows from readings: in whole Mi from 1Mi up, in whole Ki below. More digits
// would be noise.
func Figure(bytes int64) resource.Quantity {
	step := int64(1) << 10
	if bytes >= 1<<20 || bytes <= -1<<20 {
		step = 1 << 20
	}
	return Exact(bytes / step * step)
}
