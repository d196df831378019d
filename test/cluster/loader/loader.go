// Package loader creates the objects of a scenario through an API server.
package loader

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// workers is how many objects the loader creates at the same time. With more
// workers, the API server of a small machine only answers each request later.
const workers = 32

// Loader creates objects. If an object exists already, the loader uses that one.
type Loader struct {
	client kubernetes.Interface
	// address returns where the kubelet of a node answers.
	address func(*scenario.Node) netip.AddrPort
	// progress is called after each object, with the kind, the number of objects
	// done and the number of all objects.
	progress func(kind string, done, all int)
	started  time.Time
}

// New returns a loader that speaks protobuf, without a client-side rate limit.
func New(
	config *rest.Config, address func(*scenario.Node) netip.AddrPort, started time.Time, progress func(kind string, done, all int),
) (*Loader, error) {
	config = rest.CopyConfig(config)
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Loader{client: client, address: address, progress: progress, started: started}, nil
}

// Load creates everything and stores the objects' UIDs in the model.
func (l *Loader) Load(ctx context.Context, model *scenario.Model) error {
	for _, n := range model.Namespaces {
		if err := l.namespace(ctx, n); err != nil {
			return err
		}
	}
	for _, p := range model.PriorityClasses {
		if err := l.priorityClass(ctx, p); err != nil {
			return err
		}
	}
	if err := each(ctx, model.Nodes, l.count("nodes"), l.node); err != nil {
		return err
	}
	pods := make([]*scenario.Pod, 0, model.Pods)
	for _, n := range model.Nodes {
		pods = append(pods, n.Pods...)
	}
	return each(ctx, pods, l.count("pods"), l.pod)
}

func (l *Loader) count(kind string) func(done, all int) {
	return func(done, all int) { l.progress(kind, done, all) }
}

func (l *Loader) namespace(ctx context.Context, n scenario.Namespace) error {
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.Labels}}
	_, err := l.client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{})
	return unlessExists(err, "Namespace", n.Name)
}

func (l *Loader) priorityClass(ctx context.Context, p scenario.PriorityClass) error {
	object := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: p.Name}, Value: p.Value}
	_, err := l.client.SchedulingV1().PriorityClasses().Create(ctx, object, metav1.CreateOptions{})
	return unlessExists(err, "PriorityClass", p.Name)
}

func unlessExists(err error, kind, name string) error {
	if err == nil || apierrors.IsAlreadyExists(err) {
		return nil
	}
	return fmt.Errorf("creating %s %s: %w", kind, name, err)
}

func (l *Loader) node(ctx context.Context, n *scenario.Node) error {
	at := l.address(n)
	nodes := l.client.CoreV1().Nodes()
	object, err := nodes.Create(ctx, scenario.NodeObject(n, at.Addr().String(), int32(at.Port()), l.started), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		object, err = nodes.Get(ctx, n.Name, metav1.GetOptions{})
	}
	if err != nil {
		return fmt.Errorf("creating Node %s: %w", n.Name, err)
	}
	n.UID = string(object.UID)
	return nil
}

// Readdress tells the API server where the kubelets of nodes that exist answer now.
func (l *Loader) Readdress(ctx context.Context, nodes []*scenario.Node) error {
	return each(ctx, nodes, l.count("nodes"), func(ctx context.Context, n *scenario.Node) error {
		at := l.address(n)
		now := scenario.NodeObject(n, at.Addr().String(), int32(at.Port()), l.started)
		patch, err := json.Marshal(map[string]any{"status": map[string]any{
			"addresses": now.Status.Addresses, "daemonEndpoints": now.Status.DaemonEndpoints,
		}})
		if err == nil {
			_, err = l.client.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		}
		if err != nil {
			return fmt.Errorf("addresses of Node %s: %w", n.Name, err)
		}
		return nil
	})
}

// Pod creates one more pod on a node that Load has created, and stores the UID of
// the object in p.
func (l *Loader) Pod(ctx context.Context, p *scenario.Pod) error { return l.pod(ctx, p) }

// pod needs two requests, because the API server drops the status of a new pod.
func (l *Loader) pod(ctx context.Context, p *scenario.Pod) error {
	pods := l.client.CoreV1().Pods(p.Class.Namespace)
	object, err := pods.Create(ctx, scenario.PodObject(p), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		object, err = pods.Get(ctx, p.Name, metav1.GetOptions{})
	}
	if err != nil {
		return fmt.Errorf("creating Pod %s/%s: %w", p.Class.Namespace, p.Name, err)
	}
	p.UID = scenario.KubeletUID(p, object.UID)
	scenario.SetPodStatus(object, p, l.address(p.Node).Addr().String(), l.started)
	if _, err := pods.UpdateStatus(ctx, object, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("status of Pod %s/%s: %w", p.Class.Namespace, p.Name, err)
	}
	return nil
}

// each calls do for every item from a few workers and stops at the first error.
func each[T any](ctx context.Context, items []T, report func(done, all int), do func(context.Context, T) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next, done atomic.Int64
	finished := make(chan struct{})
	for range workers {
		go func() {
			defer func() { finished <- struct{}{} }()
			for i := next.Add(1) - 1; i < int64(len(items)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				if err := do(ctx, items[i]); err != nil {
					stop(err)
					return
				}
				report(int(done.Add(1)), len(items))
			}
		}()
	}
	for range workers {
		<-finished
	}
	return context.Cause(ctx)
}
