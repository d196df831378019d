package facts

import (
	"maps"
	"slices"
)

// Labels is a pod's labels as sorted, alternating keys and values: a tenth of the memory of a map, and it
// answers label selectors directly (it has the methods of apimachinery's labels.Labels).
type Labels []string

// NewLabels makes Labels; intern may share equal strings between pods and may be nil.
func NewLabels(m map[string]string, intern func(string) string) Labels {
	if len(m) == 0 {
		return nil
	}
	if intern == nil {
		intern = func(s string) string { return s }
	}
	keys := slices.AppendSeq(make([]string, 0, len(m)), maps.Keys(m))
	slices.Sort(keys)
	l := make(Labels, 0, 2*len(m))
	for _, k := range keys {
		l = append(l, intern(k), intern(m[k]))
	}
	return l
}

// Lookup returns the value of a label and whether it is set.
func (l Labels) Lookup(key string) (string, bool) {
	for i := 0; i+1 < len(l); i += 2 {
		if l[i] == key {
			return l[i+1], true
		}
	}
	return "", false
}

// Has reports whether a label is set.
func (l Labels) Has(key string) bool {
	_, ok := l.Lookup(key)
	return ok
}

// Get returns the value of a label, "" if it is not set.
func (l Labels) Get(key string) string {
	v, _ := l.Lookup(key)
	return v
}
