package usage

import (
	"hash/maphash"
	"math/bits"
)

// index finds a snapshot's rows by their keys. A row's number stands in the slot to which the key points, or in the first slot after it
// that was free. A map of keys would take four times the memory.
type index struct {
	// slots hold the row's number plus one; 0 is a free slot.
	slots []uint32
	used  int
}

// newIndex has room for so many rows.
func newIndex(rows int) index { return index{slots: make([]uint32, rows+rows/2+8)} }

// podKey stands for a pod's namespace and name: their hash, with a seed that no tenant knows. To keep names would take a third of all
// memory of the readings. Of 150,000 pods two have the same key with a probability of 1 in 1,600,000,000.
type podKey uint64

// keyOf makes a key. The text of the key is made in the buffer, which keyOf overwrites and returns.
func keyOf[S string | []byte, N string | []byte](seed maphash.Seed, buffer []byte, namespace S, name N) (podKey, []byte) {
	buffer = append(buffer[:0], namespace...)
	buffer = append(buffer, '/') // which no namespace has
	buffer = append(buffer, name...)
	return podKey(maphash.Bytes(seed, buffer)), buffer
}

// find returns the key's row, or, if there is none, the free slot for a new row.
func (s *snapshot) find(key podKey) (row, slot int, ok bool) {
	first, _ := bits.Mul64(uint64(key), uint64(len(s.index.slots)))
	for slot = int(first); ; slot++ {
		if slot == len(s.index.slots) {
			slot = 0
		}
		row = int(s.index.slots[slot]) - 1
		if row < 0 {
			return 0, slot, false
		}
		if s.keys[row] == key {
			return row, slot, true
		}
	}
}

// setIndex puts the last row into the slot that find returned for its key. A third of the slots stay free, so that find
// does not have to look far.
func (s *snapshot) setIndex(slot int) {
	if s.index.slots[slot] == 0 {
		s.index.used++
	}
	s.index.slots[slot] = uint32(len(s.rows))
	if s.index.used*3 <= len(s.index.slots)*2 {
		return
	}
	full := s.index.slots
	s.index = newIndex(2 * s.index.used)
	s.index.used = 0
	for _, row := range full {
		if row > 0 {
			_, free, _ := s.find(s.keys[row-1])
			s.index.slots[free] = row
			s.index.used++
		}
	}
}
