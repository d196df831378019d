package snapshot

import (
	"fmt"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// moment is when an object was in the state that a file shows.
type moment struct {
	// version is the object's resourceVersion, "" if not known. at is when a reading was made, zero if not known.
	version string
	at      time.Time
	from    *file
	// document of the file.
	document int
}

func (m *moment) where() string { return location{file: m.from, document: m.document}.String() }

// newer compares two moments of one object: by resourceVersion, which counts up
// (k8s.io/apimachinery/pkg/util/resourceversion, v0.37.2), else by the time of the reading, else by the files' times. It
// returns 0 where none of them tells.
func (m *moment) newer(than *moment) int {
	if order, err := resourceversion.CompareResourceVersion(m.version, than.version); err == nil && order != 0 {
		return order
	}
	if !m.at.IsZero() && !than.at.IsZero() {
		if order := m.at.Compare(than.at); order != 0 {
			return order
		}
	}
	if !m.from.found || !than.from.found {
		return 0 // named files are of one moment, or an error says that they are not
	}
	return m.from.modified.Compare(than.from.modified)
}

// kept is what is kept of an object.
type kept[T any] struct {
	moment
	value T
}

// keep keeps the newer of what an object was at two moments. Where nothing tells which one is newer, named files are
// refused, and of what is found the one that was read later counts.
func keep[K comparable, T any](c *collector, all map[K]kept[T], kind string, key K, now kept[T]) error {
	before, ok := all[key]
	if !ok {
		all[key] = now
		return nil
	}
	order := now.newer(&before.moment)
	if !reflect.DeepEqual(before.value, now.value) {
		if order == 0 && !now.from.found {
			return fmt.Errorf("differs from the one in %s", before.where())
		}
		c.omitted.count(omittedMoments, fmt.Sprintf("%s %v in %s and %s", kind, key, before.where(), now.where()))
	}
	if order >= 0 {
		all[key] = now
	}
	return nil
}
