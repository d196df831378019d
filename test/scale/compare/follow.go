package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// Paths of what is watched.
const (
	ordersPath = "/apis/killorder.io/v1alpha1/nodekillorders"
	eventsPath = "/apis/events.k8s.io/v1/events"
)

// follow calls take with each event of a watch, until the watch ends. An empty version begins with all objects that there are; any other
// one goes on after that resourceVersion. follow keeps version up to date for the next call, and empties version where the API server does
// not know that version any more: what happened since then is never shown.
//
// An API server ends a watch whose client is slower than the writes. All orders from the start, 150 MB of 5,000 nodes, would make the
// client slower still.
func follow[T any, P interface {
	*T
	GetResourceVersion() string
}](ctx context.Context, client rest.Interface, path string, version *string, take func(kind string, object P),
) error {
	stream, err := client.Get().AbsPath(path).Param("watch", "true").Param("resourceVersion", *version).Stream(ctx)
	if err != nil {
		if answered := apierrors.APIStatus(nil); errors.As(err, &answered) { // no answer says nothing about the version
			*version = ""
		}
		return err
	}
	defer func() { _ = stream.Close() }()
	for text := range received(stream) {
		var event struct {
			Type   string `json:"type"`
			Object T      `json:"object"`
		}
		if err := json.Unmarshal(text, &event); err != nil {
			return err
		}
		if event.Type == "ERROR" { // the version is too old by now
			*version = ""
			return fmt.Errorf("watch of %s: %s", path, text)
		}
		object := P(&event.Object)
		*version = object.GetResourceVersion()
		take(event.Type, object)
	}
	return io.EOF
}

// again does something until the context ends, with a short pause after each time: the API server is restarted now and then.
func again(ctx context.Context, do func()) {
	for ctx.Err() == nil {
		do()
		_ = pause(ctx, 50*time.Millisecond)
	}
}

// received yields the events of a stream. It reads ahead of whoever looks at them, so that the API server does not wait.
func received(stream io.Reader) <-chan json.RawMessage {
	events := make(chan json.RawMessage, 20_000)
	go func() {
		defer close(events)
		for from := json.NewDecoder(stream); ; {
			var event json.RawMessage
			if from.Decode(&event) != nil {
				return // the stream has ended
			}
			events <- event
		}
	}()
	return events
}
