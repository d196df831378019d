package clusterread

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
	"github.com/killorder/killorder/internal/usage"
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
	readings *snapshot.Readings
	config   *facts.KubeletConfig
	// noReadings and noConfig say why there are none.
	noReadings, noConfig error
}

// readKubelets asks the kubelets of all nodes, as the operator does, for what only they know: thresholds, RSS, what
// kubepods uses. It asks through the API server, with the user's own rights. Without them, or where the policy
// forbids it, it returns nothing.
func (c *cluster) readKubelets(ctx context.Context) (read []fromKubelet, notes []string) {
	if c.snapshot.Policy.Source == facts.SourceMetricsAPI {
		return nil, nil
	}
	if why := c.mayNotReadKubelets(ctx); why != "" {
		return nil, []string{"kubelets are " + why + ": ranking by metrics.k8s.io, thresholds are inferred"}
	}
	read = make([]fromKubelet, len(c.snapshot.Nodes))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(kubeletsAtOnce, len(read)) {
		wg.Go(func() {
			var answer bytes.Buffer
			for i := range next {
				read[i] = c.readKubelet(ctx, c.snapshot.Nodes[i].Name, &answer)
			}
		})
	}
	for i := range read {
		next <- i
		c.progress.count("kubelets asked", i+1)
	}
	close(next)
	wg.Wait()
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

// readKubelet asks one kubelet. Each answer is read into the same buffer.
func (c *cluster) readKubelet(ctx context.Context, node string, answer *bytes.Buffer) (k fromKubelet) {
	err := c.kubeletAnswer(ctx, answer, node, pathSummary)
	if err == nil {
		k.readings, err = snapshot.Summary(node, answer.Bytes())
	}
	if k.noReadings = err; err != nil {
		return k // it is not asked twice what it did not answer once
	}
	if err = c.kubeletAnswer(ctx, answer, node, pathConfigz); err == nil {
		k.config, err = extract.ParseConfigz(answer.Bytes())
	}
	k.noConfig = err
	return k
}

// What kubelets are asked for.
const (
	pathSummary = "stats/summary"
	pathConfigz = "configz"
)

// kubeletAnswer reads a kubelet's answer into a buffer, whose content until then is dropped.
func (c *cluster) kubeletAnswer(ctx context.Context, into *bytes.Buffer, node, path string) error {
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
	into.Reset()
	_, err = into.ReadFrom(io.LimitReader(body, maxAnswer+1))
	if err == nil && into.Len() > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
	}
	return usage.CauseOf(ctx, err)
}

// takeKubelets joins what was read of kubelets to the nodes, and reports whether every node has readings of its own
// kubelet.
func (c *cluster) takeKubelets(read []fromKubelet) (all bool) {
	c.snapshot.Kubelets = make(map[string]*snapshot.Readings, len(read))
	var noReadings, noConfig failures
	for i := range read {
		k, n := &read[i], &c.snapshot.Nodes[i]
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
