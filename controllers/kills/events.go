package kills

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/killorder/killorder/internal/forensics"
)

// +kubebuilder:rbac:groups="",resources=events,verbs=list;watch

// noise are the reasons of Events that say nothing about a death, and are most of a cluster's Events: the API server does
// not send them. A field selector can say "none of these", and cannot say "one of those"; so reasons that kubelets begin
// to use later come in too.
var noise = map[string][]string{
	"Pod": {
		"Scheduled", "FailedScheduling", "NotTriggerScaleUp", "TriggeredScaleUp", "Pulling", "Pulled", "Created", "Started",
		"BackOff", "Failed", "Unhealthy", "ProbeWarning", "FailedMount", "FailedAttachVolume", "SuccessfulAttachVolume",
		"SuccessfulMountVolume", "FailedSync", "FailedCreatePodSandBox", "NetworkNotReady", "DNSConfigForming",
		"FailedToRetrieveImagePullSecret", "CriticalPodAtRisk", "CriticalPodSafe", "PodKilled",
	},
	"Node": {
		"NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeAllocatableEnforced",
		"InvalidDiskCapacity", "RegisteredNode", "ImageGCFailed", "FreeDiskSpaceFailed", "ContainerGCFailed",
	},
}

// useful are the reasons that forensics knows. What else comes in is passed on only if the reason sounds like a death.
var useful = []string{
	"Evicted", "Killing", "Preempting", "Preempted", "ExceededGracePeriod", "SandboxChanged", "TaintManagerEviction",
	"OutOfmemory", "NodeShutdown", "TerminationByKubelet", "DeadlineExceeded",
	"SystemOOM", "OOMKilling", "EvictionThresholdMet", "Rebooted", "Starting", "Shutdown", "CgroupV1", "NodeNotReady",
	"NodeHasInsufficientMemory", "NodeHasDiskPressure", "NodeHasInsufficientPID",
}

// telling reports whether an Event may say something about a death.
func telling(reason string) bool {
	if slices.Contains(useful, reason) {
		return true
	}
	lower := strings.ToLower(reason)
	return strings.Contains(lower, "oom") || strings.Contains(lower, "evict") || strings.Contains(lower, "kill")
}

// Events follows the cluster's Events about pods and nodes, and hands over what tells of deaths. It holds no Event: what
// matters is remembered by who receives them. It is a Runnable of the manager that every replica runs.
type Events struct {
	reflectors []*cache.Reflector
}

// NewEvents makes a watch of Events that reads with the given client configuration, as protobuf, and calls receive for
// each, from two goroutines, at least once.
func NewEvents(config *rest.Config, receive func(forensics.Event)) (*Events, error) {
	c := rest.CopyConfig(config)
	c.ContentType = runtime.ContentTypeProtobuf
	c.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := corev1client.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("client for Events: %w", err)
	}
	e := &Events{}
	for _, kind := range []string{"Pod", "Node"} {
		e.reflectors = append(e.reflectors, cache.NewReflectorWithOptions(
			about(client, kind), &corev1.Event{}, receiver(receive), cache.ReflectorOptions{Name: "events about a " + kind},
		))
	}
	return e, nil
}

// about lists and watches the Events that regard objects of a kind.
func about(client corev1client.EventsGetter, kind string) *cache.ListWatch {
	events := client.Events(metav1.NamespaceAll)
	terms := []fields.Selector{fields.OneTermEqualSelector("involvedObject.kind", kind)}
	for _, reason := range noise[kind] {
		terms = append(terms, fields.OneTermNotEqualSelector("reason", reason))
	}
	selector := fields.AndSelectors(terms...).String()
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = selector
			list, err := events.List(ctx, o)
			if err != nil {
				return nil, err
			}
			// A list comes in pages, and all of them are held until the last has come.
			list.Items = slices.DeleteFunc(list.Items, func(e corev1.Event) bool { return !telling(e.Reason) })
			return list, nil
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = selector
			return events.Watch(ctx, o)
		},
	}
}

// NeedLeaderElection is false: a replica that stands by knows what happened before it leads.
func (*Events) NeedLeaderElection() bool { return false }

// Start follows the Events until the context is done.
func (e *Events) Start(ctx context.Context) error {
	var running sync.WaitGroup
	for _, r := range e.reflectors {
		running.Go(func() { r.RunWithContext(ctx) })
	}
	running.Wait()
	return nil
}

// receiver is a store that holds nothing: the reflector's way to hand over what it reads.
type receiver func(forensics.Event)

func (r receiver) take(object any) {
	if e, ok := object.(*corev1.Event); ok && telling(e.Reason) {
		r(forensics.CoreEvent(e))
	}
}

// Add takes a new Event.
func (r receiver) Add(object any) error { r.take(object); return nil }

// Update takes an Event that happened again.
func (r receiver) Update(object any) error { r.take(object); return nil }

// Delete has nothing to do: an Event that expired has been told.
func (receiver) Delete(any) error { return nil }

// Replace takes all Events of a list.
func (r receiver) Replace(objects []any, _ string) error {
	for _, o := range objects {
		r.take(o)
	}
	return nil
}

// Resync has nothing to do.
func (receiver) Resync() error { return nil }
