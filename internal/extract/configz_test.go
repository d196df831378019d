package extract

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/facts"
)

// complete is what an answer has when the kubelet has filled in its defaults.
const complete = `"configMapAndSecretChangeDetectionStrategy":"Watch"`

func TestParseConfigz(t *testing.T) {
	hundred := facts.Threshold{Set: true, Bytes: 100 << 20}
	for name, tc := range map[string]struct {
		answer  string
		want    facts.KubeletConfig
		wantErr string
	}{
		"nothing set: defaults": {
			answer: `{"kubeletconfig":{}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, PodsEnforced: true},
		},
		"a bare configuration": {
			answer: `{"kind":"KubeletConfiguration","kubeReserved":{"memory":"1Gi","cpu":"1"}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, PodsEnforced: true, KubeReserved: 1 << 30},
		},
		"other thresholds drop the memory one": {
			answer: `{"kubeletconfig":{"evictionHard":{"nodefs.available":"10%"}}}`,
			want:   facts.KubeletConfig{PodsEnforced: true, DefaultsDropped: true},
		},
		"other thresholds, defaults merged": {
			answer: `{"kubeletconfig":{"evictionHard":{"nodefs.available":"10%"},"mergeDefaultEvictionSettings":true}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, PodsEnforced: true},
		},
		"a complete answer without thresholds: they were set to none": {
			answer: `{"kubeletconfig":{` + complete + `,"enforceNodeAllocatable":["pods"]}}`,
			want:   facts.KubeletConfig{PodsEnforced: true},
		},
		"a complete answer that enforces nothing": {
			answer: `{"kubeletconfig":{` + complete + `,"evictionHard":{"memory.available":"100Mi"}}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred},
		},
		"a percentage": {
			answer: `{"kubeletconfig":{"evictionHard":{"memory.available":"5%"}}}`,
			want:   facts.KubeletConfig{EvictionHard: facts.Threshold{Set: true, Fraction: 0.05}, PodsEnforced: true},
		},
		"0% and 100% are none": {
			answer: `{"kubeletconfig":{"evictionHard":{"memory.available":"0%"},"evictionSoft":{"memory.available":"100%"},
				"evictionSoftGracePeriod":{"memory.available":"1m"}}}`,
			want: facts.KubeletConfig{PodsEnforced: true, SoftGrace: time.Minute},
		},
		"soft with its grace period": {
			answer: `{"kubeletconfig":{"evictionSoft":{"memory.available":"1.5Gi"},"evictionSoftGracePeriod":{"memory.available":"1m30s"}}}`,
			want: facts.KubeletConfig{
				EvictionHard: hundred, PodsEnforced: true,
				EvictionSoft: facts.Threshold{Set: true, Bytes: 1536 << 20}, SoftGrace: 90 * time.Second,
			},
		},
		"reservations not enforced on pods": {
			answer: `{"kubeletconfig":{"kubeReserved":{"memory":"500Mi"},"systemReserved":{"memory":"1Gi"},"enforceNodeAllocatable":["none"]}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, KubeReserved: 500 << 20, SystemReserved: 1 << 30},
		},
		"no cgroups per QoS class": {
			answer: `{"kubeletconfig":{"cgroupsPerQOS":false,"enforceNodeAllocatable":["pods"]}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred},
		},
		"swap and single process kills": {
			answer: `{"kubeletconfig":{"memorySwap":{"swapBehavior":"LimitedSwap"},"singleProcessOOMKill":true}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, PodsEnforced: true, LimitedSwap: true, OOMKills: facts.OOMUnitProcess},
		},
		"kills of whole containers": {
			answer: `{"kubeletconfig":{"failCgroupV1":true}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, PodsEnforced: true, OOMKills: facts.OOMUnitContainer},
		},
		"kills of single processes, on cgroup v2 all the same": {
			answer: `{"kubeletconfig":{"failCgroupV1":true,"singleProcessOOMKill":true}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, PodsEnforced: true, OOMKills: facts.OOMUnitProcess},
		},
		"a cgroup version that it does not tell": {
			answer: `{"kubeletconfig":{"failCgroupV1":false}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, PodsEnforced: true},
		},
		"minimum reclaim": {
			answer: `{"kubeletconfig":{"evictionMinimumReclaim":{"memory.available":"0.5Gi","nodefs.available":"1Gi"}}}`,
			want: facts.KubeletConfig{
				EvictionHard: hundred, PodsEnforced: true, MinReclaim: facts.Threshold{Set: true, Bytes: 512 << 20},
			},
		},
		"a minimum reclaim of all there is": {
			answer: `{"kubeletconfig":{"evictionMinimumReclaim":{"memory.available":"100%"}}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, PodsEnforced: true, MinReclaim: facts.Threshold{Set: true, Fraction: 1}},
		},
		"a minimum reclaim of more than that": {
			answer: `{"kubeletconfig":{"evictionMinimumReclaim":{"memory.available":"1e30%"}}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, PodsEnforced: true, MinReclaim: facts.Threshold{Set: true, Fraction: 1}},
		},
		"a minimum reclaim of nothing": {
			answer:  `{"kubeletconfig":{"evictionMinimumReclaim":{"memory.available":"0%"}}}`,
			wantErr: `evictionMinimumReclaim[memory.available]: "0%" is not a percentage above 0%`,
		},
		"a text without end": {
			answer:  `{"kubeletconfig":{"memorySwap":{"swapBehavior":"` + strings.Repeat("x", 1<<16) + `"}}}`,
			wantErr: `memorySwap.swapBehavior: "` + strings.Repeat("x", 64) + `" is none of NoSwap, LimitedSwap, UnlimitedSwap`,
		},
		"a minimum reclaim that is no amount": {
			answer:  `{"kubeletconfig":{"evictionMinimumReclaim":{"memory.available":"some"}}}`,
			wantErr: `evictionMinimumReclaim[memory.available]: "some" is not an amount of memory of 0 or more`,
		},
		"no swap, and kills of whole containers": {
			answer: `{"kubeletconfig":{"memorySwap":{"swapBehavior":"NoSwap"},"singleProcessOOMKill":false}}`,
			want:   facts.KubeletConfig{EvictionHard: hundred, PodsEnforced: true, OOMKills: facts.OOMUnitContainer},
		},
		"soft without a grace period": {
			answer:  `{"kubeletconfig":{"evictionSoft":{"memory.available":"1Gi"}}}`,
			wantErr: "evictionSoftGracePeriod[memory.available]: missing, but evictionSoft has a threshold",
		},
		"a grace period that is none": {
			answer:  `{"kubeletconfig":{"evictionSoft":{"memory.available":"1Gi"},"evictionSoftGracePeriod":{"memory.available":"soon"}}}`,
			wantErr: `evictionSoftGracePeriod[memory.available]: "soon" is not a period such as 1m30s`,
		},
		"a negative threshold": {
			answer:  `{"kubeletconfig":{"evictionHard":{"memory.available":"-1Gi"}}}`,
			wantErr: `evictionHard[memory.available]: "-1Gi" is not an amount of memory of 0 or more`,
		},
		"a reservation that is no amount": {
			answer:  `{"kubeletconfig":{"systemReserved":{"memory":"much"}}}`,
			wantErr: `systemReserved.memory: "much" is not an amount of memory of 0 or more`,
		},
		"a reservation that takes long to parse": {
			answer:  `{"kubeletconfig":{"kubeReserved":{"memory":"1e-9999"}}}`,
			wantErr: `kubeReserved.memory: "1e-9999" is not an amount of memory of 0 or more`,
		},
		"a threshold longer than what is quoted of it": {
			answer:  `{"kubeletconfig":{"evictionHard":{"memory.available":"` + strings.Repeat("1", 100) + `"}}}`,
			wantErr: `evictionHard[memory.available]: "` + strings.Repeat("1", 64) + `" is not an amount of memory of 0 or more`,
		},
		"a swap behaviour that is none": {
			answer:  `{"kubeletconfig":{"memorySwap":{"swapBehavior":"Sometimes"}}}`,
			wantErr: `memorySwap.swapBehavior: "Sometimes" is none of NoSwap, LimitedSwap, UnlimitedSwap`,
		},
		"no JSON": {answer: `<html>`, wantErr: "invalid character '<' looking for beginning of value"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseConfigz([]byte(tc.answer))
			if tc.wantErr != "" {
				if err == nil || err.Error() != tc.wantErr {
					t.Errorf("error %v, want %s", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
