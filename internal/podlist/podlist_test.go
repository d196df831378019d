package podlist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/snapshot"
)

// made is what is made of a pod.
type made struct {
	Facts              *facts.Pod
	Candidate, Healthy bool
}

func makeOf(p *corev1.Pod) made {
	return made{extract.Pod(p), extract.Candidate(p), forensics.Healthy(p, false)}
}

// withOneSign are pods that each have one sign only of what the cache has to know: that the pod is finished, or has traces of a death.
func withOneSign() []corev1.Pod {
	var pods []corev1.Pod
	add := func(change func(*corev1.Pod)) {
		p := corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}
		p.Name = fmt.Sprint("sign-", len(pods))
		change(&p)
		pods = append(pods, p)
	}
	add(func(*corev1.Pod) {})
	add(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
	add(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} })
	add(func(p *corev1.Pod) { p.Status.Reason = "Evicted" })
	add(func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}}
	})
	for _, status := range []corev1.ContainerStatus{
		{RestartCount: 1},
		{LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}},
		{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}},
		{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled"}}},
	} {
		statuses := []corev1.ContainerStatus{status}
		add(func(p *corev1.Pod) { p.Status.InitContainerStatuses = statuses })
		add(func(p *corev1.Pod) { p.Status.ContainerStatuses = statuses })
		add(func(p *corev1.Pod) { p.Status.EphemeralContainerStatuses = statuses })
	}
	return pods
}

// TestWantedIsEnough: in both encodings, what is decoded of a pod gives the same facts as the whole pod, and shows as well whether the
// pod has traces of a death, for pods that were captured and for pods with anything in any field.
func TestWantedIsEnough(t *testing.T) {
	pods := &corev1.PodList{ListMeta: metav1.ListMeta{Continue: "next"}}
	s, err := snapshot.Read(t.Context(), snapshot.Options{
		Paths: []string{"../snapshot/testdata/evidence", "../snapshot/testdata/field", "../cli/testdata/kills"},
		Pod:   func(p *corev1.Pod) { pods.Items = append(pods.Items, *p.DeepCopy()) },
	})
	if err != nil || len(s.Nodes) == 0 || len(pods.Items) < 50 {
		t.Fatalf("%v: %d pods", err, len(pods.Items))
	}
	filler := filler{rand.New(rand.NewPCG(1, 1))}
	for i := range 300 {
		p := corev1.Pod{}
		filler.fill(reflect.ValueOf(&p).Elem(), "")
		p.Name = fmt.Sprint("random-", i)
		pods.Items = append(pods.Items, p)
	}
	signs := withOneSign()
	for i := range signs {
		if plain := i == 0; plain != (extract.Candidate(&signs[i]) && forensics.Healthy(&signs[i], false)) {
			t.Errorf("pod %s shows what it should not, or shows nothing", signs[i].Name)
		}
	}
	pods.Items = append(pods.Items, signs...)
	var want []made
	for i := range pods.Items {
		want = append(want, makeOf(&pods.Items[i]))
	}
	for name, body := range map[string][]byte{"protobuf": inProtobuf(t, pods), "JSON": inJSON(t, pods)} {
		var got []made
		meta, err := Decoder{JSON: true, Wanted: Wanted}.Decode(bytes.NewReader(body), func(p *corev1.Pod) { got = append(got, makeOf(p)) })
		if err != nil || meta.Continue != "next" {
			t.Fatalf("%s: %v, %+v", name, err, meta)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-whole +wanted):\n%s", name, diff)
		}
	}
}

// TestBadLists: a list that is not whole, or holds what is no pod, is an error, and what came before has been taken.
func TestBadLists(t *testing.T) {
	list := &corev1.PodList{Items: []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "web"}}, {ObjectMeta: metav1.ObjectMeta{Name: "api"}}}}
	whole, text := inProtobuf(t, list), inJSON(t, list)
	for name, tc := range map[string]struct {
		body []byte
		want int
	}{
		"protobuf cut short":        {whole[:len(whole)-10], 1},
		"a pod of noise":            {bytes.Replace(whole, []byte("\x0a\x03web"), []byte("\x0a\x7fweb"), 1), 1},
		"JSON cut short":            {text[:len(text)-4], 0},
		"a page for people":         {[]byte("<html>login first</html>"), 0},
		"a list of something else":  {bytes.Replace(whole, []byte("PodList"), []byte("TopList"), 1), 0},
		"JSON of something else":    {bytes.Replace(text, []byte("PodList"), []byte("PadList"), 1), 0},
		"nothing":                   {nil, 0},
		"the beginning of protobuf": {whole[:2], 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := 0
			if _, err := (Decoder{JSON: true, Wanted: Wanted}).Decode(bytes.NewReader(tc.body), func(*corev1.Pod) { got++ }); err == nil || got != tc.want {
				t.Errorf("%d pods, want %d; error %v", got, tc.want, err)
			}
		})
	}
}

// TestWhole: all of a pod is decoded where the wanted part asks for all, and JSON is read only where it may be.
func TestWhole(t *testing.T) {
	list := &corev1.PodList{Items: []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "web"}}, {ObjectMeta: metav1.ObjectMeta{Name: "api"}}}}
	for i := range list.Items {
		list.Items[i].Spec.Hostname = "host"
	}
	d := Decoder{Wanted: Wanted, Whole: func(p *corev1.Pod) bool { return p.Name == "api" }}
	var hosts []string
	if _, err := d.Decode(bytes.NewReader(inProtobuf(t, list)), func(p *corev1.Pod) { hosts = append(hosts, p.Spec.Hostname) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "host"}, hosts); diff != "" {
		t.Errorf("host names (-want +got):\n%s", diff)
	}
	if _, err := d.Decode(bytes.NewReader(inJSON(t, list)), func(*corev1.Pod) {}); !errors.Is(err, ErrNotProtobuf) {
		t.Errorf("JSON: %v", err)
	}
}

func inProtobuf(t *testing.T, list *corev1.PodList) []byte {
	t.Helper()
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	var b bytes.Buffer
	if err := protobuf.NewSerializer(nil, nil).Encode(list, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func inJSON(t *testing.T, list *corev1.PodList) []byte {
	t.Helper()
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// filler fills objects with words that decide something, in fields where they do and in others.
type filler struct{ *rand.Rand }

var (
	words = []string{
		"", "app", "side", "Always", "Memory", "True", "False", "Deferred", "Infeasible", "Running", "Guaranteed", "Burstable",
		"system-node-critical", "ReplicaSet", "web-5d8f", "PodReadyToStartContainers", "PodResizePending", "PodResizeInProgress",
	}
	keys = []string{
		"memory", "cpu", "hugepages-2Mi", "kubernetes.io/config.mirror", "ignore.killorder.io/BestEffortPod", "pod-template-hash", "team",
	}
	amounts = []string{"0", "512m", "64Mi", "100", "1Gi", "3Gi", "2"}
)

func oneOf(f *filler, of []string) string { return of[f.IntN(len(of))] }

// large are messages of no consequence.
var large = map[string]bool{
	"ManagedFields": true, "Affinity": true, "TopologySpreadConstraints": true, "LivenessProbe": true, "ReadinessProbe": true,
	"StartupProbe": true, "Lifecycle": true, "Env": true, "EnvFrom": true, "SecurityContext": true,
}

// fill fills a value, but for large messages.
func (f *filler) fill(v reflect.Value, field string) {
	switch v.Interface().(type) {
	case resource.Quantity:
		v.Set(reflect.ValueOf(resource.MustParse(oneOf(f, amounts))))
		return
	case metav1.Time:
		v.Set(reflect.ValueOf(metav1.Unix(1_700_000_000+int64(f.IntN(3)), 0)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; !large[name] && (field != "VolumeSource" || name == "EmptyDir") {
				f.fill(v.Field(i), name)
			}
		}
	case reflect.Pointer:
		if f.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), field)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), f.IntN(3), 3))
			for i := range v.Len() {
				f.fill(v.Index(i), field)
			}
		}
	case reflect.Map:
		size := f.IntN(4)
		if size == 0 {
			return // no encoding tells an empty map from none
		}
		v.Set(reflect.MakeMap(v.Type()))
		for range size {
			value := reflect.New(v.Type().Elem()).Elem()
			f.fill(value, field)
			v.SetMapIndex(reflect.ValueOf(oneOf(f, keys)).Convert(v.Type().Key()), value)
		}
	case reflect.String:
		switch field {
		case "Name":
			v.SetString(oneOf(f, words[1:3])) // of containers and their statuses, of volumes and their mounts
		case "Medium":
			v.SetString(oneOf(f, words[4:6]))
		default:
			v.SetString(oneOf(f, words))
		}
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.IntN(5)))
	}
}
