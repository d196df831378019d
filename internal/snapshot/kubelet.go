package snapshot

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"time"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	wire "github.com/killorder/killorder/internal/usage/kubelet/summary"
)

// Names in a snapshot folder: kubelet/NODE/stats-summary.json and kubelet/NODE/configz.json.
const (
	folderKubelet = "kubelet"
	fileSummary   = "stats-summary.json"
	fileConfigz   = "configz.json"
)

// kubeletNode returns the node whose kubelet's folder the file stands in, "" if it stands elsewhere.
func (f *file) kubeletNode() string {
	parts := strings.Split(f.path, "/")
	if len(parts) < 3 || parts[len(parts)-3] != folderKubelet {
		return ""
	}
	return parts[len(parts)-2]
}

// answer returns which of a kubelet's answers the file holds by its path, empty if it holds something else.
func (f *file) answer() metav1.TypeMeta {
	if f.kubeletNode() == "" {
		return metav1.TypeMeta{}
	}
	switch path.Base(f.path) {
	case fileSummary, fileSummary + ".gz":
		return kindSummary
	case fileConfigz, fileConfigz + ".gz":
		return kindConfigz
	}
	return metav1.TypeMeta{}
}

// answer returns the reader of one of a kubelet's answers, which have no names.
func answer(take func(*collector, location, []byte) error) reader {
	return func(c *collector, at location, _ string, raw []byte) error {
		if err := take(c, at, raw); err != nil {
			return at.fault(omittedAnswers, "%s", err)
		}
		return nil
	}
}

func (c *collector) summary(at location, raw []byte) error {
	node := at.kubeletNode()
	if node == "" {
		node = nodeIn(raw)
	}
	r, timeless, err := summary(node, raw)
	if err != nil {
		return err
	}
	for _, pod := range timeless {
		c.omitted.count(omittedReadings, at.name+": "+pod+": memory.time: missing")
	}
	return keep(c, c.kubelets, "Summary of node", node, kept[*Readings]{moment{at: r.newest(), from: at.file}, r})
}

// nodeIn returns the node that a Summary says it is of.
func nodeIn(raw []byte) string {
	var s struct {
		Node struct {
			NodeName string `json:"nodeName"`
		} `json:"node"`
	}
	_ = Decode(raw, &s) // what is wrong with the answer is found when all of it is decoded
	return s.Node.NodeName
}

// OfKubelet returns the readings in a kubelet's answer to /stats/summary, as it was decoded from the wire. The error names the
// field that keeps the answer from being that node's.
func OfKubelet(node string, a *wire.Answer) (*Readings, error) {
	if len(a.NodeName) > 0 && string(a.NodeName) != node {
		return nil, &fieldError{"node.nodeName", "is " + string(a.NodeName) + ", not " + node}
	}
	r := &Readings{Nodes: map[string]facts.NodeReading{}, packed: make([]packedReading, 0, len(a.Pods))}
	if !a.Node.ObservedAt.IsZero() {
		r.Nodes[node] = a.Node
	} else if len(a.Pods) == 0 {
		return nil, &fieldError{"node.memory", "missing"}
	}
	for i := range a.Pods {
		p := &a.Pods[i]
		if len(p.Name) == 0 || len(p.Namespace) == 0 {
			return nil, &fieldError{fmt.Sprintf("pods[%d].podRef", i), "has no name or no namespace"}
		}
		if !p.ObservedAt.IsZero() {
			key := facts.PodKey{Namespace: unique.Make(string(p.Namespace)).Value(), Name: string(p.Name)}
			r.packed = append(r.packed, packedReading{key, p.Reading()})
		}
	}
	return r, nil
}

func summary(node string, answer []byte) (r *Readings, timeless []string, err error) {
	s := new(stats.Summary)
	if err := decodeStrict(answer, s); err != nil { // its amounts are whole numbers of bytes
		return nil, nil, err
	}
	if s.Node.NodeName != "" && s.Node.NodeName != node {
		return nil, nil, &fieldError{"node.nodeName", "is " + s.Node.NodeName + ", not " + node}
	}
	if node == "" {
		return nil, nil, &fieldError{"node.nodeName", "missing"}
	}
	if s.Node.Memory == nil && len(s.Pods) == 0 {
		return nil, nil, &fieldError{"node.memory", "missing"}
	}
	return readingsIn(node, s)
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
			r.Pods[facts.PodKey{Namespace: ref.Namespace, Name: ref.Name}] = p
		} else if p.WorkingSet != facts.Unknown {
			timeless = append(timeless, ref.Namespace+"/"+ref.Name)
		}
	}
	return r, timeless, nil
}

// newest is the time of the newest reading.
func (r *Readings) newest() (newest time.Time) {
	r.each(func(at time.Time, _ string) bool {
		if at.After(newest) {
			newest = at
		}
		return true
	})
	return newest
}

func (c *collector) configz(at location, raw []byte) error {
	var z extract.Configz
	if err := Decode(raw, &z); err != nil {
		return err
	}
	if z.Kubelet == nil {
		return &fieldError{"kubeletconfig", "missing"}
	}
	return c.config(at, z.Kubelet, "kubeletconfig.")
}

// bareConfig reads a bare KubeletConfiguration: the file that a kubelet was started with.
func (c *collector) bareConfig(at location, raw []byte) error {
	var k extract.KubeletConfiguration
	if err := Decode(raw, &k); err != nil {
		return err
	}
	return c.config(at, &k, "")
}

func (c *collector) config(at location, k *extract.KubeletConfiguration, prefix string) error {
	config, err := extract.KubeletConfig(k)
	if err != nil {
		return fmt.Errorf("%s%w", prefix, err)
	}
	now := kept[*facts.KubeletConfig]{moment{from: at.file}, config}
	node := at.kubeletNode()
	if node == "" {
		c.loose = append(c.loose, looseConfig{at, now})
		return nil
	}
	return keep(c, c.configs, "configuration of the kubelet of", node, now)
}
