package clusterread

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
)

// client has a connection for each API group that the plugin reads objects of. The typed clientset of client-go would do the
// same, but links every API group and its apply configurations: two fifths of the time that compiling the plugin takes.
type client struct {
	core, scheduling, authorization rest.Interface
}

var (
	scheme     = kinds()
	codecs     = serializer.NewCodecFactory(scheme)
	parameters = runtime.NewParameterCodec(scheme)
)

// kinds are the API groups of client.
func kinds() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, schedulingv1.AddToScheme, authorizationv1.AddToScheme} {
		utilruntime.Must(add(s))
	}
	return s
}

// newClient makes a client that asks for protobuf, and takes JSON for an error's answer.
func newClient(config *rest.Config) (c client, err error) {
	for _, group := range []struct {
		to      *rest.Interface
		version schema.GroupVersion
	}{
		{&c.core, corev1.SchemeGroupVersion},
		{&c.scheduling, schedulingv1.SchemeGroupVersion},
		{&c.authorization, authorizationv1.SchemeGroupVersion},
	} {
		if *group.to, err = clientFor(config, group.version); err != nil {
			return client{}, err
		}
	}
	return c, nil
}

// clientFor makes the connection for one API group.
func clientFor(config *rest.Config, version schema.GroupVersion) (rest.Interface, error) {
	config = rest.CopyConfig(config)
	config.GroupVersion = &version
	if config.APIPath = "/apis"; version.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = codecs.WithoutConversion()
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return rest.RESTClientFor(config)
}

// object is a pointer to a T that client-go can decode into.
type object[T any] interface {
	*T
	runtime.Object
}

// get reads one object; the namespace of a cluster-scoped one is "".
func get[T any, P object[T]](ctx context.Context, c rest.Interface, namespace, resource, name string) (P, error) {
	into := P(new(T))
	err := c.Get().NamespaceIfScoped(namespace, namespace != "").Resource(resource).Name(name).Do(ctx).Into(into)
	return into, err
}

// list reads one page of a list; the namespace is "" for all namespaces and for what is cluster-scoped.
func list[T any, P object[T]](
	ctx context.Context, c rest.Interface, namespace, resource string, opts metav1.ListOptions,
) (P, error) {
	into := P(new(T))
	err := c.Get().NamespaceIfScoped(namespace, namespace != "").Resource(resource).
		VersionedParams(&opts, parameters).Do(ctx).Into(into)
	return into, err
}
