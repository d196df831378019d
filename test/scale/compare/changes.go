package compare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// changes are what writes changed in the status of an order, by field. Places in lists count as one field.
type changes map[string]*change

// change of a field: in how many writes, and the last one.
type change struct {
	writes  int
	was, is any
}

// add what a write changed.
func (c changes) add(before, after order) {
	fields := map[string][2]any{}
	var was, is any
	if json.Unmarshal(before.Status, &was) != nil || json.Unmarshal(after.Status, &is) != nil {
		return
	}
	differ(fields, "", was, is)
	for field, values := range fields {
		if c[field] == nil {
			c[field] = &change{}
		}
		c[field].writes++
		c[field].was, c[field].is = values[0], values[1]
	}
}

// differ notes the fields below path in which two values differ.
func differ(fields map[string][2]any, path string, was, is any) {
	switch is := is.(type) {
	case map[string]any:
		before, _ := was.(map[string]any)
		for key, value := range is {
			differ(fields, path+"."+key, before[key], value)
		}
		for key := range before {
			if _, kept := is[key]; !kept {
				fields[path+"."+key] = [2]any{before[key], nil}
			}
		}
	case []any:
		before, _ := was.([]any)
		if len(before) != len(is) {
			fields[path+"[]"] = [2]any{len(before), len(is)}
		}
		for i := range min(len(before), len(is)) {
			differ(fields, path+"[]", before[i], is[i])
		}
	default:
		if was != is {
			fields[path] = [2]any{was, is}
		}
	}
}

// String lists the fields that changed most often, a line for each with the last change.
func (c changes) String() string {
	fields := slices.SortedFunc(maps.Keys(c), func(a, b string) int {
		return cmp.Or(cmp.Compare(c[b].writes, c[a].writes), cmp.Compare(a, b))
	})
	var out strings.Builder
	for _, field := range fields[:min(len(fields), 20)] {
		last := c[field]
		fmt.Fprintf(&out, "%6d  %s: %v -> %v\n", last.writes, strings.TrimPrefix(field, "."), last.was, last.is)
	}
	return out.String()
}
