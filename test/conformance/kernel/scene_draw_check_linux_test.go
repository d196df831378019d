package kernel

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// aRoom is what a machine of 512 MiB has.
var aRoom = room{Total: 465 * mib, Available: 400 * mib, Swap: guestSwap * mib}

// TestDrawScene: scenes of every kind fit the machine, have a clear first victim, and are drawn the same each time.
func TestDrawScene(t *testing.T) {
	for i := range sceneKinds {
		k := &sceneKinds[i]
		t.Run(k.name, func(t *testing.T) {
			for number := range uint64(30) {
				s := k.drawScene(1, number, aRoom)
				if diff := cmp.Diff(s.String(), k.drawScene(1, number, aRoom).String()); diff != "" {
					t.Fatalf("drawn again: %s", diff)
				}
				taken := s.HugePages
				for _, memory := range s.memories() {
					taken += *memory
				}
				for i := range s.Pods {
					for c := range s.Pods[i].Containers {
						for _, own := range s.Pods[i].Containers[c].Parts {
							taken += own.Tmpfs - own.Swapped
						}
					}
				}
				if !k.shownBy(s) {
					t.Fatalf("nothing of what the kind is about\n%v", s)
				}
				if s.ahead() < drawMarginBytes || taken > aRoom.Available || len(s.memories()) > mostProcesses {
					t.Fatalf("ahead by %d, takes %d bytes, %d processes\n%v", s.ahead(), taken, len(s.memories()), s)
				}
			}
		})
	}
}

// TestDrawAgainst: there are scenes in which each wrong rule is wrong, of each of its kinds.
func TestDrawAgainst(t *testing.T) {
	for i := range wrongRules {
		r := &wrongRules[i]
		for _, name := range r.kinds {
			t.Run(r.name+"/"+name, func(t *testing.T) {
				s, err := r.drawAgainst(name, 1, uint64(i), aRoom)
				if err != nil {
					t.Fatal(err)
				}
				if !r.misleads(s) {
					t.Errorf("the rule is right here\n%v", s)
				}
			})
		}
	}
}
