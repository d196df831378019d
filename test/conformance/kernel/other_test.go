//go:build !linux

package kernel

import "testing"

func TestFirstVictim(t *testing.T) {
	t.Skip("the kernel is not judged here: it takes Linux")
}
