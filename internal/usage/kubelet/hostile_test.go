package kubelet

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/kubelet/summary"
)

// hostileSize of most answers, in bytes: all but the last shape are refused, or taken, long before.
const hostileSize = 1 << 20

// filled repeats the middle part until the whole text has the given size in bytes.
func filled(begin, middle, end string, size int) string {
	return begin + strings.Repeat(middle, (size-len(begin)-len(end))/len(middle)) + end
}

// own is a pod of worker-1 in a Summary, with these members beside its name.
func own(members string) string {
	return `{"podRef":{"namespace":"shop","name":"web-worker-1"}` + members + `}`
}

// nodePart begins a Summary of worker-1 that is fine so far.
const nodePart = `{"node":{"nodeName":"worker-1","memory":{"time":"2026-11-24T06:00:00Z","workingSetBytes":100,"availableBytes":50}}`

// hostile are answers that are small on the wire but would take much memory once decoded.
var hostile = map[string]struct {
	answer string
	// refused is why the answer is refused. "" means that the answer is accepted, for the true part of it.
	refused string
}{
	"pods without number": {
		filled(nodePart+`,"pods":[`, `{},`, `{}]}`, hostileSize), "it lists more than 4096 pods",
	},
	"pods of other nodes": {
		filled(nodePart+`,"pods":[`, `{"podRef":{"namespace":"shop","name":"web-worker-9"}},`, own("")+`]}`, 200_000), "",
	},
	"one pod again and again": {filled(nodePart+`,"pods":[`, own("")+`,`, own("")+`]}`, 200_000), ""},
	"pods under many keys": {
		filled(nodePart, `,"pods":[{}]`, `}`, hostileSize), "it lists more than 4096 pods",
	},
	"containers without number": {
		filled(nodePart+`,"pods":[{"podRef":{"namespace":"shop","name":"web-worker-1"},"containers":[`, `{},`, `{}]}]}`, hostileSize), "",
	},
	"containers under many keys": {
		filled(nodePart+`,"pods":[{"podRef":{"namespace":"shop","name":"web-worker-1"}`, `,"containers":[{"name":"app"}]`, `}]}`, 1<<20), "",
	},
	"a container's name": {
		nodePart + `,"pods":[` + own(`,"containers":[{"name":"`+strings.Repeat("x", 64)+`"}]`) + `]}`,
		"it has a container whose name is longer than 63 characters",
	},
	"a name without end":       {filled(nodePart+`,"pods":[{"podRef":{"name":"`, `x`, `"}}]}`, hostileSize), "it has a text or number longer than 4 kB"},
	"a name full of escapes":   {filled(nodePart+`,"pods":[{"podRef":{"name":"`, `\u0041`, `"}}]}`, hostileSize), "it has a text or number longer than 4 kB"},
	"a member's name":          {filled(nodePart+`,"`, `x`, `":1}`, hostileSize), "it has a text or number longer than 4 kB"},
	"a text that nobody reads": {filled(nodePart+`,"more":"`, `x`, `"}`, hostileSize), "it has a text or number longer than 4 kB"},
	"a number without end":     {filled(nodePart+`,"node":{"memory":{"workingSetBytes":`, `9`, `}}}`, hostileSize), "it has a text or number longer than 4 kB"},
	"a number beyond any":      {nodePart + `,"pods":[` + own(`,"memory":{"time":"2026-11-24T06:00:00Z","workingSetBytes":`+strings.Repeat("9", 400)+`}`) + `]}`, ""},
	"space without end":        {nodePart + strings.Repeat(" ", hostileSize-len(nodePart)-1) + `}`, "it has a text or number longer than 4 kB"},
	"a name that is an object": {filled(nodePart+`,"node":{"systemContainers":[{"name":{`, `"a":1,`, `"a":1}}]}}`, hostileSize), "it has a text or number longer than 4 kB"},
	"an object in a number's place": {
		filled(nodePart+`,"node":{"memory":{"workingSetBytes":[`, `0,`, `0]}}}`, hostileSize), "it has a text or number longer than 4 kB",
	},
	"nested arrays":             {filled(nodePart+`,"more":`, `[`, ``, hostileSize), "it is nested more than 32 deep"},
	"nested objects":            {filled(nodePart+`,"more":`, `{"more":`, ``, hostileSize), "it is nested more than 32 deep"},
	"nested with long names":    {filled(nodePart+`,"more":`, `{"`+strings.Repeat("x", 4000)+`":`, ``, hostileSize), "it is nested more than 32 deep"},
	"numbers that nobody reads": {filled(nodePart+`,"more":[`, `0,`, `0]}`, hostileSize), ""},
	"larger than any":           {filled(nodePart+`,"more":[`, `0,`, `0]}`, 16<<20+1000), "it is larger than 16 MiB"},
	"a negative amount":         {nodePart + `,"node":{"memory":{"workingSetBytes":-1}}}`, "is not an amount in bytes"},
	"NaN":                       {nodePart + `,"node":{"memory":{"workingSetBytes":NaN}}}`, "invalid character 'N'"},
	"an infinite exponent":      {nodePart + `,"node":{"memory":{"workingSetBytes":1e999999999}}}`, "is not an amount in bytes"},
}

// TestHostileAnswers: whatever an answer lists, decoding it takes little memory, and the result is small.
func TestHostileAnswers(t *testing.T) {
	r := newRig(t, 30*time.Second)
	for name, tc := range hostile {
		t.Run(name, func(t *testing.T) {
			d := new(summary.Decoder)
			var a *summary.Answer
			var err error
			grown, allocated := heapOf(func() {
				a, err = d.Read(strings.NewReader(tc.answer), func(p *usage.Pod) bool { return r.isOwn("worker-1", p) })
			})
			if grown > 256<<10 || allocated > 1<<20 {
				t.Errorf("%d bytes stay of %d allocated", grown, allocated)
			}
			switch {
			case tc.refused != "":
				if err == nil || !strings.Contains(err.Error(), tc.refused) {
					t.Errorf("error %v, want %s", err, tc.refused)
				}
			case err != nil:
				t.Errorf("refused: %v", err)
			case len(a.Pods) > 1:
				t.Errorf("%d pods are kept", len(a.Pods))
			}
			runtime.KeepAlive(d)
		})
	}
}

// heapOf returns how many bytes f leaves on the heap, and how many it allocated.
func heapOf(f func()) (grown, allocated int64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc), int64(after.TotalAlloc - before.TotalAlloc)
}

// TestHostileKubelets: 22 hostile kubelets answer both requests at the same time, in all of these shapes. Together they take
// little memory, the problem of each says why its answer is refused, and the honest kubelet beside them is read in each
// pass.
func TestHostileKubelets(t *testing.T) {
	honest := newFake(t, "honest")
	fakes, shapes := []*fake{honest}, []string{}
	for name, tc := range hostile {
		if tc.refused != "" && len(tc.answer) >= hostileSize/2 && len(tc.answer) <= hostileSize {
			shapes = append(shapes, name)
		}
	}
	slices.Sort(shapes)
	const count = 22
	for i := range count {
		name := fmt.Sprintf("hostile-%02d", i)
		f := newFake(t, name)
		answer := strings.ReplaceAll(hostile[shapes[i%len(shapes)]].answer, "worker-1", name)
		f.stats, f.configz = slowly(answer), says(answer)
		fakes = append(fakes, f)
	}
	r := newRig(t, 30*time.Second, fakes...)
	peak := peakOf(func() {
		for i := range 2 {
			if s, _ := r.at(t, time.Duration(i)*10*time.Minute); !slices.Contains(s.pods, "web-honest") || r.NeedsOther("honest") {
				t.Errorf("pass %d: the honest kubelet was not read", i+1)
			}
		}
	})
	// This figure includes the servers of the fakes, which run in the same process.
	if t.Logf("at most %d MiB more", peak>>20); peak > 64<<20 {
		t.Errorf("%d MiB more", peak>>20)
	}
	for i := range count {
		name := fmt.Sprintf("hostile-%02d", i)
		if text := r.Problem(name); !strings.HasPrefix(text, "The kubelet's answer of nodes/stats is ") {
			t.Errorf("%s (%s): problem %q", name, shapes[i%len(shapes)], text)
		}
	}
}

// slowly writes an answer in pieces, so that several answers are read at the same time.
func slowly(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for piece := range slices.Chunk([]byte(text[:min(len(text), 64<<10)]), 4<<10) {
			_, _ = w.Write(piece)
			time.Sleep(2 * time.Millisecond)
		}
		_, _ = io.WriteString(w, text[min(len(text), 64<<10):])
	}
}

// peakOf returns by how many bytes the heap in use grows at most while f runs.
func peakOf(f func()) int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, highest := m.HeapInuse, m.HeapInuse
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			highest = max(highest, m.HeapInuse)
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	<-watched
	return int64(highest - before)
}
