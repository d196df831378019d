package usage

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// index finds a snapshot's rows by their keys. A row's number stands in the slot to which the key's hash points, or in the
// first slot after it that was free. A map of hashes would take four times the memory.
type index struct {
	// slots hold the row's number plus one; 0 is a free slot.
	slots []uint32
	used  int
}

// newIndex has room for so many rows.
func newIndex(rows int) index { return index{slots: make([]uint32, rows+rows/2+8)} }

// podKey is a pod's namespace, a slash, and its name.
type podKey struct {
	text      []byte
	namespace int // length
}

// keyOf makes a key in the buffer, which it overwrites.
func keyOf[S string | []byte, N string | []byte](buffer []byte, namespace S, name N) podKey {
	buffer = append(buffer[:0], namespace...)
	buffer = append(buffer, '/')
	return podKey{text: append(buffer, name...), namespace: len(namespace)}
}

// key of a row, made in the buffer.
func (s *snapshot) key(buffer []byte, row int) podKey {
	return keyOf(buffer, s.names[s.namespaces[row]], s.podName(row))
}

// is reports whether the row is the key's.
func (s *snapshot) is(row int, key podKey) bool {
	return bytes.Equal(s.podName(row), key.text[key.namespace+1:]) &&
		s.names[s.namespaces[row]] == string(key.text[:key.namespace])
}

// find returns the key's row, or, if there is none, the free slot for a new row.
func (s *snapshot) find(key podKey) (row, slot int, ok bool) {
	first, _ := bits.Mul64(maphash.Bytes(s.seed, key.text), uint64(len(s.index.slots)))
	for slot = int(first); ; slot++ {
		if slot == len(s.index.slots) {
			slot = 0
		}
		row = int(s.index.slots[slot]) - 1
		if row < 0 {
			return 0, slot, false
		}
		if s.is(row, key) {
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
	var buffer [128]byte
	full := s.index.slots
	s.index = newIndex(2 * s.index.used)
	s.index.used = 0
	for _, row := range full {
		if row > 0 {
			_, free, _ := s.find(s.key(buffer[:], int(row)-1))
			s.index.slots[free] = row
			s.index.used++
		}
	}
}
