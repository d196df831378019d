package summary

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

// Package kubelet imports the API's types, so its tests check that the decoder reads what the API's types say.

const evidence = "../../../snapshot/testdata/evidence/kubelet/vm/stats-summary.json"

func keepAll(*usage.Pod) bool { return true }

func TestReadRefuses(t *testing.T) {
	captured, err := os.ReadFile(evidence)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"nothing at all":   {"", "EOF"},
		"a page":           {"<html>404</html>", "invalid character '<'"},
		"null":             {"null", "not an object"},
		"a list":           {"[]", "not an object"},
		"half of it":       {string(captured[:len(captured)/2]), "unexpected EOF"},
		"two of them":      {"{}{}", "more after the end"},
		"noise behind":     {"{}]", "invalid character ']'"},
		"pods as text":     {`{"pods":"many"}`, "/pods: not an array"},
		"a pod as number":  {`{"pods":[5]}`, "/pods: not an object"},
		"negative":         {`{"node":{"memory":{"workingSetBytes":-5}}}`, `/node/memory/workingSetBytes: "-5" is not an amount in bytes`},
		"a fraction":       {`{"node":{"memory":{"rssBytes":1.5}}}`, `"1.5" is not an amount in bytes`},
		"an exponent":      {`{"node":{"memory":{"rssBytes":1e-9999999}}}`, `"1e-9999999" is not an amount in bytes`},
		"an amount quoted": {`{"node":{"memory":{"rssBytes":"5"}}}`, "/node/memory/rssBytes: not an amount in bytes"},
		"no time":          {`{"node":{"memory":{"time":"now"}}}`, `"\"now\"" is not a time`},
		"too much":         {`{"more":[` + strings.Repeat(`"x",`, maxSummary/4) + `0]}`, "larger than 16 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			var d Decoder
			if _, err := d.Read(strings.NewReader(tc.text), keepAll); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v; want %s", err, tc.want)
			}
		})
	}
}

// FuzzRead: no input panics, and nothing that is accepted is negative or more than there can be.
func FuzzRead(f *testing.F) {
	captured, err := os.ReadFile(evidence)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(captured)
	f.Add([]byte(`{"node":{"nodeName":"n","memory":{"time":"2026-11-24T06:00:00Z","workingSetBytes":1}},"pods":[{"podRef":{"name":"a"}}]}`))
	f.Add([]byte(`{"pods":[{"containers":[{"name":"a","swap":{"swapUsageBytes":4}}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var d Decoder
		a, err := d.Read(bytes.NewReader(text), keepAll)
		if err != nil {
			return
		}
		amounts := []int64{a.Node.WorkingSet, a.Node.Available, a.Node.PodsWorkingSet, a.Node.SwapCapacity}
		for i := range a.Pods {
			amounts = append(amounts, a.Pods[i].WorkingSet)
			for _, c := range a.Pods[i].Containers {
				amounts = append(amounts, c.WorkingSet, c.RSS, c.Swap)
			}
		}
		for _, bytes := range amounts {
			if bytes < facts.Unknown || bytes > facts.MaxBytes {
				t.Fatalf("an amount of %d", bytes)
			}
		}
	})
}
