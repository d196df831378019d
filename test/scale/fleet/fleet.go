// Package fleet runs thousands of simulated kubelets in a process of its own, so that a benchmark of reading kubelets does not
// measure their answers too.
package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage/kubelet"
)

// environment carries the number of kubelets to the process that answers for them.
const environment = "KILLORDER_SCALE_KUBELETS"

// Token is the bearer token that the kubelets accept.
const Token = "the-operators-own"

// Description says where the kubelets are.
type Description struct {
	Nodes []kubelet.Node
	// CA is the authority that signed their certificates, PEM encoded.
	CA []byte
	// Pods by namespace/name.
	Pods map[string]Pod
	// Containers that run on all nodes.
	Containers int
	// Hanging accepts connections and never answers; Failing answers 500 to all requests.
	Hanging, Failing Address
}

// Pod is what the API server knows of a pod.
type Pod struct {
	Node       string
	Containers []string
}

// PodCache makes a lookup of the pods, as the operator has one.
func (d *Description) PodCache() func(namespace, name []byte) *facts.Pod {
	pods := make(map[string]*facts.Pod, len(d.Pods))
	for key, p := range d.Pods {
		pod := &facts.Pod{Node: p.Node}
		for _, name := range p.Containers {
			pod.Containers = append(pod.Containers, facts.Container{Name: name})
		}
		pods[key] = pod
	}
	return func(namespace, name []byte) *facts.Pod {
		var buffer [128]byte
		return pods[string(append(append(append(buffer[:0], namespace...), '/'), name...))]
	}
}

// Address of a kubelet.
type Address struct {
	Host string
	Port int32
}

// Answers makes the node one whose kubelet is at the address.
func (a Address) Answers(n *kubelet.Node) { n.Host, n.Port = a.Host, a.Port }

// Is reports whether the node's kubelet is at the address.
func (a Address) Is(n *kubelet.Node) bool { return n.Host == a.Host && n.Port == a.Port }

// Fleet is the running process.
type Fleet struct {
	Description
	process *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Scanner
}

// Start runs the calling program once more. Its main function must call ServeIfAsked first.
func Start(ctx context.Context, nodes int) (*Fleet, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f := &Fleet{process: exec.CommandContext(ctx, self)}
	f.process.Env = append(os.Environ(), fmt.Sprintf("%s=%d", environment, nodes), "GOMAXPROCS=1")
	f.process.Stderr = os.Stderr
	if f.ask, err = f.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := f.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := f.process.Start(); err != nil {
		return nil, err
	}
	f.answers = bufio.NewScanner(out)
	f.answers.Buffer(nil, 64<<20)
	if err := f.answer(&f.Description); err != nil {
		return nil, errors.Join(fmt.Errorf("the simulated kubelets do not start: %w", err), f.Stop())
	}
	return f, nil
}

// answer reads the next line that the process prints.
func (f *Fleet) answer(into any) error {
	if !f.answers.Scan() {
		return errors.Join(io.ErrUnexpectedEOF, f.answers.Err())
	}
	return json.Unmarshal(f.answers.Bytes(), into)
}

// Count is how many connections to hanging kubelets there have been.
type Count struct {
	// Hung connections were accepted and not answered.
	Hung int64
	// Open connections to hanging kubelets.
	Open int64
}

// Count asks the process.
func (f *Fleet) Count() (c Count, err error) {
	if _, err = io.WriteString(f.ask, "\n"); err == nil {
		err = f.answer(&c)
	}
	return c, err
}

// Stop ends the process.
func (f *Fleet) Stop() error {
	_ = f.ask.Close() // it ends when there is nobody to ask it
	return f.process.Wait()
}
