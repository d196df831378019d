package snapshot

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// mostAliased is what a YAML document with aliases may become, in bytes of text: 115 kB can become gigabytes.
const mostAliased = mostValue

// checkAliases refuses a document that its aliases make too large. The document is parsed, and not expanded.
func checkAliases(document []byte) error {
	if bytes.IndexByte(document, '*') < 0 || bytes.IndexByte(document, '&') < 0 {
		return nil
	}
	var root yaml.Node
	if err := yaml.Unmarshal(document, &root); err != nil {
		return err
	}
	size, err := (&sizes{known: map[*yaml.Node]int{}}).of(&root)
	if err == nil && size > mostAliased {
		err = fmt.Errorf("its aliases make more than %d MiB of it", mostAliased>>20)
	}
	return err
}

// sizes of nodes, in bytes, at most mostAliased+1. A node whose size is being computed has 0.
type sizes struct{ known map[*yaml.Node]int }

func (s *sizes) of(n *yaml.Node) (int, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if size, ok := s.known[n]; ok {
		if size == 0 {
			return 0, errors.New("an anchor contains itself")
		}
		return size, nil
	}
	s.known[n] = 0
	size := len(n.Value) + 1
	for _, child := range n.Content {
		more, err := s.of(child)
		if err != nil {
			return 0, err
		}
		size = min(size+more, mostAliased+1)
	}
	s.known[n] = size
	return size, nil
}
