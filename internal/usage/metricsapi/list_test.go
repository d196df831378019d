package metricsapi

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/metricsapi/wire"
)

// drain takes everything and keeps nothing.
type drain struct{ pods, nodes, dropped int }

func (d *drain) Pod(*usage.Pod)                 { d.pods++ }
func (d *drain) Node(string, facts.NodeReading) { d.nodes++ }
func (d *drain) Drop(usage.DropCause)           { d.dropped++ }

// envelope wraps a list's bytes as the API does.
func envelope(kind string, list []byte) []byte {
	meta, err := (&runtime.TypeMeta{Kind: kind}).Marshal()
	if err != nil {
		panic(err) // no kind does
	}
	b := protowire.AppendBytes(protowire.AppendTag([]byte("k8s\x00"), 1, protowire.BytesType), meta)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), list)
}

func item(b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), b)
}

func TestMalformedItemsAreDropped(t *testing.T) {
	good, err := (&metrics.PodMetrics{Containers: []metrics.ContainerMetrics{{Name: "app"}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	container := func(usage string) []byte {
		return append([]byte{4<<3 | 2, byte(len(usage) + 2), 2<<3 | 2, byte(len(usage))}, usage...)
	}
	tests := map[string][]byte{
		"noise":                    bytes.Repeat([]byte{0xff}, 30),
		"metadata cut short":       {1<<3 | 2, 5, 'x'},
		"noise in the metadata":    {1<<3 | 2, 2, 0xff, 0xff},
		"noise in the time":        {2<<3 | 2, 2, 0xff, 0xff},
		"noise in a container":     {4<<3 | 2, 2, 0xff, 0xff},
		"noise in a resource":      container("\xff\xff"),
		"a quantity that is none":  container("\x0a\x06memory\x12\x05\x0a\x03abc"),
		"noise in place of amount": container("\x0a\x06memory\x12\x02\xff\xff"),
		// which are parsed in minutes, or never
		"an absurd amount":          container("\x0a\x06memory\x12\x0c\x0a\x0a1e-9999999"),
		"an absurd amount at last":  container("\x0a\x06memory\x12\x0f\x0a\x011\x0a\x0a1e-9999999"),
		"more containers than any":  bytes.Repeat([]byte{4<<3 | 2, 0}, usage.MaxContainers+1),
		"a negative amount":         container("\x0a\x06memory\x12\x04\x0a\x02-1"),
		"a hugely negative amount":  container("\x0a\x06memory\x12\x07\x0a\x05-1e99"),
		"amount NaN":                container("\x0a\x06memory\x12\x05\x0a\x03NaN"),
		"an amount that is no text": {4<<3 | 2, 14, 2<<3 | 2, 12, 0x0a, 6, 'm', 'e', 'm', 'o', 'r', 'y', 0x12, 2, 0x08, 1},
	}
	for name, bad := range tests {
		t.Run(name, func(t *testing.T) {
			var got drain
			sink := podSink{into: &got}
			list := append(append(item(good), item(bad)...), item(good)...)
			if err := wire.DecodeList(bytes.NewReader(envelope("PodMetricsList", list)), "PodMetricsList", sink.item); err != nil {
				t.Fatal(err)
			}
			if want := (drain{pods: 2, dropped: 1}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestWhatIsNotReadIsNotParsed: labels and CPU cost nothing, whatever they hold.
func TestWhatIsNotReadIsNotParsed(t *testing.T) {
	m := metrics.PodMetrics{Containers: []metrics.ContainerMetrics{{Name: "app", Usage: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("7"), corev1.ResourceMemory: resource.MustParse("64Mi"),
	}}}}
	m.Name, m.Labels = "web-1", map[string]string{"app": "web"}
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("\x0a\x017"), []byte("\x0a\x01x"), 1)
	var got drain
	sink := podSink{into: &got}
	sink.item(b)
	if want := (drain{pods: 1}); got != want || string(sink.pod.Name) != "web-1" || sink.pod.Containers[0].WorkingSet != 64<<20 {
		t.Errorf("got %+v, %s, %+v", got, sink.pod.Name, sink.pod.Containers)
	}
}

func TestMemory(t *testing.T) {
	for amount, want := range map[string]int64{
		"123456Ki": 123456 << 10, "1500m": 2, "1e3": 1000, "0": 0, "1e-18": 1, "8Pi": facts.MaxBytes, "10E": facts.MaxBytes,
		"1e99": facts.MaxBytes, "100Ei": facts.MaxBytes,
	} {
		t.Run(amount, func(t *testing.T) {
			got, cause := memory(corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(amount)})
			if got != want || cause != "" {
				t.Errorf("got %d %q, want %d", got, cause, want)
			}
		})
	}
}

// TestUnknownFieldsAreSkipped: later versions may add fields.
func TestUnknownFieldsAreSkipped(t *testing.T) {
	extra := protowire.AppendBytes(protowire.AppendTag(nil, 77, protowire.BytesType), []byte("new"))
	extra = protowire.AppendVarint(protowire.AppendTag(extra, 78, protowire.VarintType), 7)
	extra = protowire.AppendFixed64(protowire.AppendTag(extra, 79, protowire.Fixed64Type), 7)
	list := protowire.AppendBytes(protowire.AppendTag(item(extra), 9, protowire.BytesType), []byte("new"))
	body := envelope("PodMetricsList", list)
	body = protowire.AppendBytes(protowire.AppendTag(body, 9, protowire.BytesType), []byte("new"))
	var got drain
	sink := podSink{into: &got}
	if err := wire.DecodeList(bytes.NewReader(body), "PodMetricsList", sink.item); err != nil || got.pods != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}
