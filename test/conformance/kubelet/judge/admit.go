package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	v1resource "k8s.io/kubernetes/pkg/api/v1/resource"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // fills legacyscheme.Scheme
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/kubelet/types"
	"k8s.io/kubernetes/pkg/registry/core/pod"

	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// admission of one manifest.
type admission struct {
	*wire.Manifest[corev1.Pod]
	*wire.Admitted[corev1.Pod]
	// posted is what the API server is given, created what it made of it; nil if that was refused.
	posted, created *corev1.Pod
}

// admitAll does what becomes of manifests before the kubelet acts on them. What the API server refuses is no error:
// the test makes its pods at random.
func admitAll(manifests []wire.Manifest[corev1.Pod]) ([]wire.Admitted[corev1.Pod], error) {
	answers := make([]wire.Admitted[corev1.Pod], len(manifests))
	all := make([]admission, len(manifests))
	for i := range manifests {
		all[i] = admission{Manifest: &manifests[i], Admitted: &answers[i], posted: &manifests[i].Pod}
	}
	if err := each(all, (*admission).read); err != nil {
		return nil, err
	}
	if err := beforeUpgrade(func() error { return createAll(all, true) }); err != nil {
		return nil, err
	}
	if err := createAll(all, false); err != nil {
		return nil, err
	}
	return answers, each(all, (*admission).resize)
}

func each(all []admission, do func(*admission) error) error {
	for i := range all {
		if err := do(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

func createAll(all []admission, aged bool) error {
	return each(all, func(a *admission) error {
		if a.Aged != aged {
			return nil
		}
		return a.create()
	})
}

// read is the kubelet's part: a static pod is read from a file, and the API server is given its mirror.
func (a *admission) read() (err error) {
	if !a.Manifest.Static {
		return nil
	}
	var static *corev1.Pod
	if static, a.Rejected, err = readStatic(a.posted); static == nil {
		a.posted = nil
		return err
	}
	a.Admitted.Static = stored(static)
	a.posted = mirrorOf(static)
	return nil
}

func (a *admission) create() (err error) {
	if a.posted == nil {
		return nil
	}
	a.created, a.Rejected, err = create(a.posted)
	return err
}

// resize is done now, and completes the answer.
func (a *admission) resize() (err error) {
	if a.created == nil {
		return nil
	}
	a.Created = *stored(a.created)
	if a.Resize == nil {
		return nil
	}
	var resized *corev1.Pod
	if resized, a.ResizeRefused, err = resize(a.created, a.Resize); resized != nil {
		a.Resized = stored(resized)
	}
	return err
}

// create is the API server's handling of a new pod: defaults, the registry's strategy, validation.
func create(manifest *corev1.Pod) (_ *corev1.Pod, rejected string, err error) {
	p, err := decode(manifest)
	if err != nil {
		return nil, "", err
	}
	ctx := podContext(manifest, "")
	pod.Strategy.PrepareForCreate(ctx, p)
	if errs := pod.Strategy.Validate(ctx, p); len(errs) > 0 {
		return nil, errs.ToAggregate().Error(), nil
	}
	created, err := encode(p)
	return created, "", err
}

// readStatic is the kubelet's handling of a manifest in its folder (pkg/kubelet/config/common.go
// tryDecodeSinglePod and file.go): defaults and validation, but not the registry's strategy.
func readStatic(manifest *corev1.Pod) (_ *corev1.Pod, rejected string, err error) {
	p, err := decode(manifest)
	if err != nil {
		return nil, "", err
	}
	p.Annotations = with(p.Annotations, types.ConfigHashAnnotationKey, string(p.UID))
	p.Status = core.PodStatus{Phase: core.PodPending}
	opts := podutil.GetValidationOptionsFromPodSpecAndMeta(&p.Spec, nil, &p.ObjectMeta, nil)
	if errs := validation.ValidatePodCreate(p, opts); len(errs) > 0 {
		return nil, errs.ToAggregate().Error(), nil
	}
	static, err := encode(p)
	if err == nil {
		static.Annotations = with(static.Annotations, types.ConfigSourceAnnotationKey, types.FileSource)
	}
	return static, "", err
}

// mirrorOf is what the kubelet creates in the API server for a static pod (pkg/kubelet/pod/mirror_client.go).
func mirrorOf(static *corev1.Pod) *corev1.Pod {
	mirror := static.DeepCopy()
	mirror.Annotations = with(mirror.Annotations, types.ConfigMirrorAnnotationKey, string(static.UID))
	mirror.UID = "mirror-of-" + static.UID
	return mirror
}

func with(annotations map[string]string, key, value string) map[string]string {
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	return annotations
}

func podContext(p *corev1.Pod, subresource string) context.Context {
	ctx := genericapirequest.WithNamespace(context.Background(), p.Namespace)
	return genericapirequest.WithRequestInfo(ctx, &genericapirequest.RequestInfo{
		IsResourceRequest: true, APIVersion: "v1", Resource: "pods", Subresource: subresource,
		Namespace: p.Namespace, Name: p.Name,
	})
}

// decode defaults a pod and makes it the internal type that API server and kubelet validate.
func decode(p *corev1.Pod) (*core.Pod, error) {
	defaulted := p.DeepCopy()
	legacyscheme.Scheme.Default(defaulted)
	internal := &core.Pod{}
	if err := legacyscheme.Scheme.Convert(defaulted, internal, nil); err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	return internal, nil
}

func encode(p *core.Pod) (*corev1.Pod, error) {
	external := &corev1.Pod{}
	if err := legacyscheme.Scheme.Convert(p, external, nil); err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	return external, nil
}

// stored adds what the kubelet derives.
func stored(p *corev1.Pod) *wire.Stored[corev1.Pod] {
	return &wire.Stored[corev1.Pod]{
		Pod: *p, Request: v1resource.GetResourceRequest(p, corev1.ResourceMemory), AllocatedResources: allocatedResources(p),
	}
}
