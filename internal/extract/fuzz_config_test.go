package extract_test

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// FuzzConfigz: whatever a kubelet answers, it becomes an error of one line, or a configuration whose amounts are from 0 to
// facts.MaxBytes, the same one each time.
func FuzzConfigz(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `null`, `{"kubeletconfig":null}`, `{"kubeletconfig":{}}`,
		`{"kubeletconfig":{"evictionHard":{"memory.available":"750Mi"},"evictionSoft":{"memory.available":"10%"},` +
			`"evictionSoftGracePeriod":{"memory.available":"1m30s"},"evictionMinimumReclaim":{"memory.available":"110%"}}}`,
		`{"evictionHard":{"memory.available":"1e-9999999"},"kubeReserved":{"memory":"8E"},"systemReserved":{"memory":"-1"}}`,
		`{"kubeletconfig":{"evictionMaxPodGracePeriod":-5,"memorySwap":{"swapBehavior":"LimitedSwap"},"singleProcessOOMKill":false}}`,
		`{"kubeletconfig":{"evictionSoft":{"memory.available":"0"},"evictionSoftGracePeriod":{"memory.available":"10000000s"},` +
			`"evictionMaxPodGracePeriod":2147483647}}`,
		`{"kubeletconfig":{"enforceNodeAllocatable":["none"],"cgroupsPerQOS":false,"failCgroupV1":true,` +
			`"configMapAndSecretChangeDetectionStrategy":"Watch"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		got, err := extract.ParseConfigz(answer)
		if err != nil {
			oneLine(t, err)
			return
		}
		again, _ := extract.ParseConfigz(answer)
		unchanged(t, again, got)
		for field, bytes := range map[string]int64{
			"evictionHard": got.EvictionHard.Bytes, "evictionSoft": got.EvictionSoft.Bytes, "evictionMinimumReclaim": got.MinReclaim.Bytes,
			"kubeReserved": got.KubeReserved, "systemReserved": got.SystemReserved,
		} {
			if bytes < 0 || bytes > facts.MaxBytes {
				t.Errorf("%s: %d", field, bytes)
			}
		}
		if got.SoftGrace < 0 || got.MaxPodGrace < 0 {
			t.Errorf("evictionSoftGracePeriod %s, evictionMaxPodGracePeriod %s", got.SoftGrace, got.MaxPodGrace)
		}
	})
}

// FuzzPolicy: whatever JSON decodes as a KillOrderPolicy, it becomes an error of one line, or a policy within the schema's
// ranges that answers for every pod.
func FuzzPolicy(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"spec":{"topN":20,"critical":{"riskRank":20,"riskHeadroomPercent":0,"minPriority":-5}}}`, `{"spec":{"topN":2147483647}}`,
		`{"spec":{"assumedEvictionHard":"5%","usage":{"source":"Kubelet","maxAgeSeconds":600}}}`, `{"spec":{"assumedEvictionHard":-1}}`,
		`{"spec":{"assumedEvictionHard":"1e-9999999"}}`, `{"spec":{"disabledFindings":["","BestEffortPod"]}}`,
		`{"spec":{"critical":{"podSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["b\n"]}]}}}}`,
		`{"spec":{"critical":{"namespaceSelector":{"matchLabels":{"\u001b":" "}}}}}`, // a value's error repeats the key
		`{"spec":{"production":{"namespaceSelector":{}},"critical":{"namespaceSelector":{"matchLabels":{"\u001b[31m":"x"}}}}}`,
	} {
		f.Add([]byte(s))
	}
	web := extract.Pod(&pod("web").containers(container("app", "64Mi", "")).Pod)
	f.Fuzz(func(t *testing.T, data []byte) {
		var k, before v1alpha1.KillOrderPolicy
		if json.Unmarshal(data, &k) != nil || json.Unmarshal(data, &before) != nil {
			t.Skip("no JSON of a policy: the API server stores none")
		}
		p, err := extract.NewPolicy(&k)
		unchanged(t, &before, &k)
		if err != nil {
			oneLine(t, err)
			return
		}
		if p.TopN < 1 || p.TopN > v1alpha1.MaxTopN || p.RiskRank < 1 || p.RiskRank > v1alpha1.MaxTopN || p.NearLimitPercent < 1 ||
			p.NearLimitPercent > 100 || p.RiskHeadroomPercent < 0 || p.RiskHeadroomPercent > 100 || p.MaxAge <= 0 {
			t.Errorf("out of range: %+v", p.Policy)
		}
		if bytes, _ := p.AssumedEvictionHard.Of(16 * GiB); bytes < 0 || bytes > facts.MaxBytes {
			t.Errorf("the assumed threshold is %d bytes", bytes)
		}
		p.Critical(web, labels.Set{"a": "b"})
		p.Production("shop", labels.Set{"a": "b"})
	})
}

// oneLine: an error reaches terminals, conditions and logs.
func oneLine(t *testing.T, err error) {
	t.Helper()
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("the error is not one line of text: %q", err)
	}
}
