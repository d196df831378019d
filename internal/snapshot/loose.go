package snapshot

import (
	"fmt"
	"path"
	"reflect"

	"github.com/killorder/killorder/internal/facts"
)

// looseConfig is a kubelet's configuration that stands in no kubelet's folder.
type looseConfig struct {
	at location
	kept[*facts.KubeletConfig]
}

// spread gives nodes the configurations that stand in no kubelet's folder: to the node that the file, or its folder, is
// named after; else to every Linux node without a configuration of its own, and says to how many. Two of the latter that
// differ are of different nodes, nobody knows which, so neither is used.
func (c *collector) spread(s *Snapshot) {
	var common []looseConfig
	for _, l := range c.loose {
		if node := s.nodeNamed(l.at.file); node != "" {
			if err := keep(c, c.configs, "configuration of the kubelet of", node, l.kept); err != nil {
				c.omitted.count(omittedAnswers, l.at.fault(omittedAnswers, "%s", err).Error())
			}
			continue
		}
		if len(common) == 0 || !reflect.DeepEqual(common[0].value, l.value) {
			common = append(common, l)
		}
	}
	if len(common) > 1 {
		c.omitted.count(omittedAmbiguous, fmt.Sprintf("%s and %s", common[0].at.name, common[1].at.name))
		return
	}
	if len(common) == 1 {
		c.apply(s, &common[0])
	}
}

func (c *collector) apply(s *Snapshot, l *looseConfig) {
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if _, own := c.configs[n.Name]; own || !n.Linux {
			continue
		}
		c.configs[n.Name] = l.kept
		c.omitted.count(appliedConfig, fmt.Sprintf("%s, to %s", l.at.name, n.Name))
	}
}

// nodeNamed returns the node that the file, or its folder, is named after, "" if there is none.
func (s *Snapshot) nodeNamed(f *file) string {
	for _, name := range []string{stem(f.path), path.Base(path.Dir(f.path))} {
		if s.hasNode(name) {
			return name
		}
	}
	return ""
}
