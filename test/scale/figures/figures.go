// Package figures holds what a run of the scale harness measured. It writes the figures as a table, as JSON and as a picture,
// and compares them with the stored ones.
package figures

import (
	"encoding/json"
	"os"
	"slices"
	"time"
)

// Figures of one run. Memory is in bytes, times are in seconds.
type Figures struct {
	Date     string   `json:"date"`
	Command  string   `json:"command"`
	Machine  Machine  `json:"machine"`
	Versions Versions `json:"versions"`
	Nodes    int      `json:"nodes"`
	Pods     int      `json:"pods"`
	// Interval is the time from one pass to the next.
	Interval float64 `json:"interval"`

	Operator Program `json:"operator"`
	// StateMetrics is kube-state-metrics, with pods and nodes.
	StateMetrics Program `json:"stateMetrics"`
	// Noise is the number of writes a second while nothing but noise changed, by pass.
	Noise []float64 `json:"noise"`
	// ColdFirst is from the operator's start to the first order, after the first pass over the readings. Cold is to the last one.
	// ColdWrites is how many writes the first cold start took.
	ColdFirst  float64 `json:"coldFirst"`
	Cold       float64 `json:"cold"`
	ColdWrites int     `json:"coldWrites"`
	// Rounds are the cold starts beside bare clients. With rounds, ColdFirst and Cold are their medians.
	Rounds []Round `json:"rounds,omitempty"`
	// Apart are rounds in which the control plane had half of the cores for itself, and all else had the other half.
	Apart []Round `json:"apart,omitempty"`
	// Rank is `kubectl-killorder rank` of all nodes, Get is `kubectl get pods -A -o wide`.
	Rank Command `json:"rank"`
	Get  Command `json:"get"`
	// Latency is from a pod's change to what is said of it, at each rate of changes.
	Latency []Latency `json:"latency,omitempty"`
	// Failover is the seconds from each kill of the leader to the first right order of the other replica, sorted: it shows a change
	// of a pod that was made after the kill.
	Failover []float64 `json:"failover,omitempty"`
	// Compared orders were the same as those of rank, but for Different ones.
	Compared  int      `json:"compared"`
	Different []string `json:"different,omitempty"`
}

// Round is one cold start right after the two bare clients, with the figures of the same names. Bare is how many writes a second a
// client made with client-go's defaults; BareSparing is the same of a client that asks the API server for as little as the operator does.
type Round struct {
	Bare        float64 `json:"bare"`
	BareSparing float64 `json:"bareSparing"`
	ColdFirst   float64 `json:"coldFirst"`
	Cold        float64 `json:"cold"`
}

// Add a round.
func (f *Figures) Add(r Round) {
	f.Rounds = append(f.Rounds, r)
	f.ColdFirst = medianOf(f.Rounds, func(r Round) float64 { return r.ColdFirst })
	f.Cold = medianOf(f.Rounds, func(r Round) float64 { return r.Cold })
}

// medianOf a figure over rounds.
func medianOf(rounds []Round, figure func(Round) float64) float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, figure(r))
	}
	return Median(all)
}

// Machine is the machine that the figures were measured on.
type Machine struct {
	Cores int `json:"cores"`
	// Memory in bytes.
	Memory int64 `json:"memory"`
	// Load is the load average at the start and at the end of the run; it shows how much other work the machine had.
	Load []float64 `json:"load"`
}

// Versions of what was measured.
type Versions struct {
	Go           string `json:"go"`
	Killorder    string `json:"killorder"`
	Kubernetes   string `json:"kubernetes"`
	StateMetrics string `json:"stateMetrics"`
}

// Program that keeps running.
type Program struct {
	// Peak of the resident memory, and Heap after a garbage collection (the median of what several left), in bytes.
	Peak int64 `json:"peak"`
	Heap int64 `json:"heap"`
	// CPU seconds and Allocated bytes by pass or scrape.
	CPU       []float64 `json:"cpu"`
	Allocated []float64 `json:"allocated"`
}

// Command that ended.
type Command struct {
	Wall float64 `json:"wall"`
	CPU  float64 `json:"cpu"`
	Peak int64   `json:"peak"`
}

// Latency of changes that put a critical pod first, so many a second, one on each node: seconds until the API server answers each
// change, until the node's order shows the change, and until there is an Event, of those that the bound on Events lets through at
// once. All are sorted.
type Latency struct {
	Rate     float64   `json:"rate"`
	Answered []float64 `json:"answered"`
	Shown    []float64 `json:"shown"`
	Told     []float64 `json:"told"`
}

// Percentile of sorted figures, by the nearest rank: with 100 figures, 1 is above the 99th. 0 of none.
func Percentile(sorted []float64, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// Median of some figures, 0 of none.
func Median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// least of some figures, 0 of none.
func least(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	return slices.Min(of)
}

// Mean of some figures, 0 of none.
func Mean(of []float64) (mean float64) {
	for _, f := range of {
		mean += f / float64(len(of))
	}
	return mean
}

// rate of the writes that new orders take, two each, in so many seconds.
func (f *Figures) rate(seconds float64) float64 { return ratio(2*float64(f.Nodes), seconds) }

// ratio of two figures, 0 where there is none.
func ratio(of, to float64) float64 {
	if to == 0 {
		return 0
	}
	return of / to
}

// Read figures from a file.
func Read(path string) (*Figures, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := &Figures{}
	return f, json.Unmarshal(text, f)
}

// Write figures to a file.
func (f *Figures) Write(path string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// Seconds of a time.
func Seconds(of time.Duration) float64 { return float64(of.Milliseconds()) / 1000 }
