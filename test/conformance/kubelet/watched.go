package kubelet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/podcache"
)

// lastNode has one pod, the last that the watch tells of.
const lastNode = "last"

// watched follows pods through the operator's own cache, from before to after, over HTTP.
func watched(before, after []*corev1.Pod) ([]*facts.Pod, error) {
	server := httptest.NewServer(watch(before, after))
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	c, err := podcache.New(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		cancel()
		return nil, err
	}
	done := make(chan struct{})
	c.OnChange(func(node string) {
		if node == lastNode {
			close(done)
		}
	})
	var running sync.WaitGroup
	running.Go(func() { _ = c.Start(ctx) })
	defer running.Wait()
	defer cancel() // before the server closes, which waits for its requests
	select {
	case <-done:
		for i := range before {
			if extract.Candidate(before[i]) {
				return c.Node(before[i].Spec.NodeName), nil
			}
		}
		return nil, nil
	case <-ctx.Done():
		return nil, errors.New("the operator's cache has not seen the last pod within a minute")
	}
}

// watch answers a list of pods with those before, in protobuf, and a watch with the changes after them and a last pod to know the end by.
func watch(before, after []*corev1.Pod) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") != "true" {
			list := &corev1.PodList{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: metav1.ListMeta{ResourceVersion: "1"},
			}
			for _, p := range before {
				if extract.Candidate(p) { // as the field selector of the request asks for
					list.Items = append(list.Items, *p)
				}
			}
			// An error means that the client has gone; it says so itself.
			_ = protobuf.NewSerializer(nil, nil).Encode(list, w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		send := sender(w)
		for _, p := range after {
			if extract.Candidate(p) {
				send("MODIFIED", p)
			}
		}
		send("ADDED", &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "last", Namespace: "default"}, Spec: corev1.PodSpec{NodeName: lastNode},
		})
		<-r.Context().Done()
	}
}

// sender returns what sends events, each with a resource version of its own, from 2 on.
func sender(w http.ResponseWriter) func(kind string, p *corev1.Pod) {
	version, encode := 1, json.NewEncoder(w)
	return func(kind string, p *corev1.Pod) {
		version++
		p = p.DeepCopy()
		p.APIVersion, p.Kind, p.ResourceVersion = "v1", "Pod", fmt.Sprint(version)
		// An error means that the client has gone; it says so itself.
		_ = encode.Encode(map[string]any{"type": kind, "object": p})
		_ = http.NewResponseController(w).Flush()
	}
}
