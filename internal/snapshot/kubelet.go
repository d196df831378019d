package snapshot

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// Names in a snapshot folder: kubelet/NODE/stats-summary.json and kubelet/NODE/configz.json.
const (
	folderKubelet = "kubelet"
	fileSummary   = "stats-summary.json"
	fileConfigz   = "configz.json"
)

// answerOf returns the node and the kind of a kubelet's answer by its path, "" if it is something else.
func answerOf(path string) (node, answer string) {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	parts := strings.Split(filepath.ToSlash(path), "/")
	if len(parts) < 3 || parts[len(parts)-3] != folderKubelet {
		return "", ""
	}
	switch file := parts[len(parts)-1]; file {
	case fileSummary, fileConfigz:
		return parts[len(parts)-2], file
	}
	return "", ""
}

// answer takes a kubelet's answer.
func (c *collector) answer(node, kind string, d document) error {
	c.progress()
	var err error
	if kind == fileSummary {
		err = c.summary(node, d)
	} else {
		err = c.configz(node, d)
	}
	if err != nil {
		return d.errorf("%s", err)
	}
	return nil
}

func (c *collector) summary(node string, d document) error {
	s, err := decodeSummary(node, d.json)
	if err != nil {
		return err
	}
	if known, err := c.known(fileSummary+" of node "+node, d.location, s); known || err != nil {
		return err
	}
	r, timeless, err := readingsIn(node, s)
	if err != nil {
		return err
	}
	for _, pod := range timeless {
		c.omitted.count(omittedReadings, d.file+": "+pod+": memory.time: missing")
	}
	c.snapshot.Kubelets[node] = r
	return nil
}

// Summary returns the readings in a kubelet's answer to /stats/summary. The error names the field that keeps it from
// being that node's.
func Summary(node string, answer []byte) (*Readings, error) {
	s, err := decodeSummary(node, answer)
	if err != nil {
		return nil, err
	}
	r, _, err := readingsIn(node, s)
	return r, err
}

func decodeSummary(node string, answer []byte) (*stats.Summary, error) {
	s := new(stats.Summary)
	if err := decode(answer, s); err != nil {
		return nil, err
	}
	if s.Node.NodeName != "" && s.Node.NodeName != node {
		return nil, &fieldError{"node.nodeName", "is " + s.Node.NodeName + ", not " + node}
	}
	if s.Node.Memory == nil && len(s.Pods) == 0 {
		return nil, &fieldError{"node.memory", "missing"}
	}
	return s, nil
}

// readingsIn returns a Summary's readings, and the pods whose reading tells no time.
func readingsIn(node string, s *stats.Summary) (r *Readings, timeless []string, err error) {
	r = NewReadings()
	if n := extract.SummaryNode(&s.Node); !n.ObservedAt.IsZero() {
		r.Nodes[node] = n
	}
	for i := range s.Pods {
		ref := &s.Pods[i].PodRef
		path := fmt.Sprintf("pods[%d].podRef", i)
		if err := cmp.Or(name(path+".name", ref.Name), name(path+".namespace", ref.Namespace)); err != nil {
			return nil, nil, err
		}
		if p := extract.SummaryPod(&s.Pods[i]); !p.ObservedAt.IsZero() {
			r.Pods[Key{ref.Namespace, ref.Name}] = p
		} else if p.WorkingSet != facts.Unknown {
			timeless = append(timeless, ref.Namespace+"/"+ref.Name)
		}
	}
	return r, timeless, nil
}

func (c *collector) configz(node string, d document) error {
	var z extract.Configz
	if err := decode(d.json, &z); err != nil {
		return err
	}
	prefix := "kubeletconfig."
	if z.Kubelet == nil {
		// A bare KubeletConfiguration serves as well.
		var bare struct {
			metav1.TypeMeta
			extract.KubeletConfiguration
		}
		if err := decode(d.json, &bare); err != nil {
			return err
		}
		if bare.Kind != "KubeletConfiguration" {
			return &fieldError{"kubeletconfig", "missing"}
		}
		z.Kubelet, prefix = &bare.KubeletConfiguration, ""
	}
	if known, err := c.known(fileConfigz+" of node "+node, d.location, &z); known || err != nil {
		return err
	}
	config, err := extract.KubeletConfig(z.Kubelet)
	if err != nil {
		return fmt.Errorf("%s%w", prefix, err)
	}
	c.configs[node] = config
	return nil
}
