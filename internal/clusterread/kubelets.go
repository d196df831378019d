package clusterread

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/kubelet/summary"
)

const (
	// kubeletsAtOnce are read at the same time.
	kubeletsAtOnce = 32
	// kubeletTimeout is for one answer.
	kubeletTimeout = 10 * time.Second
	// maxAnswer bounds one, in bytes: the Summary of a node of 500 pods with five containers each has 2 MB.
	maxAnswer = 16 << 20
)

// fromKubelet is what was read of one node's kubelet.
type fromKubelet struct {
	// node is the index of the node in the snapshot.
	node     int
	readings *snapshot.Readings
	config   *facts.KubeletConfig
	// noReadings and noConfig say why there are none.
	noReadings, noConfig error
}

// readKubelets asks the kubelets of the nodes of those indexes, as the operator does, for what only they know: thresholds, RSS, what
// kubepods uses. It asks through the API server, with the user's own rights. Without them, or where the policy
// forbids it, it returns nothing.
func (c *cluster) readKubelets(ctx context.Context, nodes []int) (read []fromKubelet, notes []string) {
	if len(nodes) == 0 || c.snapshot.Policy.Source == facts.SourceMetricsAPI {
		return nil, nil
	}
	if why := c.mayNotReadKubelets(ctx); why != "" {
		return nil, []string{"kubelets are " + why + ": ranking by metrics.k8s.io, thresholds are inferred"}
	}
	read = make([]fromKubelet, len(nodes))
	var asked atomic.Int64
	into := sync.Pool{New: func() any { return new(answers) }}
	atOnce(len(read), kubeletsAtOnce, func(i int) {
		a, _ := into.Get().(*answers)
		read[i] = c.readKubelet(ctx, c.snapshot.Nodes[nodes[i]].Name, a)
		read[i].node = nodes[i]
		into.Put(a)
		c.progress.count("kubelets asked", int(asked.Add(1)))
	})
	return read, nil
}

// mayNotReadKubelets says what keeps the user from it, "" if nothing does. Asking each kubelet would tell as well, a
// thousand times.
func (c *cluster) mayNotReadKubelets(ctx context.Context) string {
	of := &authorizationv1.ResourceAttributes{Verb: "get", Resource: "nodes", Subresource: "proxy"}
	if len(c.snapshot.Nodes) == 1 {
		of.Name = c.snapshot.Nodes[0].Name
	}
	answer := &authorizationv1.SelfSubjectAccessReview{}
	err := c.kube.authorization.Post().Resource("selfsubjectaccessreviews").Body(&authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: of},
	}).Do(ctx).Into(answer)
	switch {
	case err != nil:
		return fmt.Sprintf("not read, since it cannot be told whether you may (%v)", err)
	case !answer.Status.Allowed:
		return "read only for those who may get nodes/proxy"
	}
	return ""
}

// answers are what the answers of kubelets are read into, one after the other.
type answers struct {
	summary summary.Decoder
	config  bytes.Buffer
}

// readKubelet asks one kubelet.
func (c *cluster) readKubelet(ctx context.Context, node string, into *answers) (k fromKubelet) {
	k.noReadings = c.askKubelet(ctx, node, pathSummary, func(body io.Reader) error {
		answer, err := into.summary.Read(body, all)
		if err == nil {
			k.readings, err = snapshot.OfKubelet(node, answer)
		}
		return err
	})
	if k.noReadings != nil {
		return k // it is not asked twice what it did not answer once
	}
	if k.noConfig = c.kubeletAnswer(ctx, &into.config, node, pathConfigz); k.noConfig == nil {
		k.config, k.noConfig = extract.ParseConfigz(into.config.Bytes())
	}
	return k
}

// all pods of a Summary are kept.
func all(*usage.Pod) bool { return true }

// What kubelets are asked for.
const (
	pathSummary = "stats/summary"
	pathConfigz = "configz"
)

// kubeletAnswer reads a kubelet's answer into a buffer, whose content until then is dropped.
func (c *cluster) kubeletAnswer(ctx context.Context, into *bytes.Buffer, node, path string) error {
	return c.askKubelet(ctx, node, path, func(body io.Reader) error {
		into.Reset()
		_, err := into.ReadFrom(io.LimitReader(body, maxAnswer+1))
		if err == nil && into.Len() > maxAnswer {
			err = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
		}
		return err
	})
}

// askKubelet has a kubelet's answer read.
func (c *cluster) askKubelet(ctx context.Context, node, path string, read func(io.Reader) error) error {
	ctx, cancel := usage.Within(ctx, kubeletTimeout)
	defer cancel()
	request := c.proxy.Get().Resource("nodes").Name(node).SubResource("proxy").Suffix(path)
	if path == pathSummary {
		request.Param("only_cpu_and_memory", "true")
	}
	body, err := request.Stream(ctx)
	if err != nil {
		return usage.CauseOf(ctx, err)
	}
	defer func() { _ = body.Close() }() // it has been read, or given up
	return usage.CauseOf(ctx, read(body))
}

// takeKubelets joins what was read of kubelets to the nodes, and reports whether every node has readings of its own
// kubelet.
func (c *cluster) takeKubelets(read []fromKubelet) (all bool) {
	c.snapshot.Kubelets = make(map[string]*snapshot.Readings, len(read))
	var noReadings, noConfig failures
	for i := range read {
		k := &read[i]
		n := &c.snapshot.Nodes[k.node]
		n.Config = k.config
		if k.readings != nil {
			c.snapshot.Kubelets[n.Name] = k.readings
		}
		noReadings.add(n.Name, k.noReadings)
		noConfig.add(n.Name, k.noConfig)
	}
	if noReadings.n > 0 {
		c.note("%d of %d kubelets could not be read, ranking by metrics.k8s.io there (%s)", noReadings.n, len(read), noReadings.first)
	}
	if noConfig.n > 0 {
		c.note("the configuration of %d of %d kubelets could not be read, thresholds are inferred there (%s)",
			noConfig.n, len(read), noConfig.first)
	}
	return len(c.snapshot.Kubelets) == len(c.snapshot.Nodes)
}

// failures of nodes or pods. The one shown is the first by name, whichever came first.
type failures struct {
	n     int
	name  string
	first string
}

func (f *failures) add(name string, err error) {
	if err == nil {
		return
	}
	if f.n++; f.n == 1 || name < f.name {
		f.name, f.first = name, name+": "+err.Error()
	}
}
