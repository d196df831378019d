package figures

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// run returns figures that grow with the number of nodes.
func run(nodes int) *Figures {
	n := float64(nodes)
	return &Figures{
		Nodes: nodes, Pods: 30 * nodes, Interval: 30, Cold: n / 100, ColdWrites: 2 * nodes,
		Noise:        []float64{n / 1000, n / 1000},
		Operator:     Program{Peak: int64(40+nodes/10) << 20, Heap: int64(nodes) << 12, CPU: []float64{n / 100}, Allocated: []float64{n * 4096}},
		StateMetrics: Program{Peak: int64(100+nodes) << 20, Heap: int64(nodes) << 15, CPU: []float64{n / 50}, Allocated: []float64{n * 8192}},
		Machine:      Machine{Cores: 2, Memory: 24 << 30, Load: []float64{0.1, 1.9}},
	}
}

func TestGuard(t *testing.T) {
	stored := run(200).Guard()
	cases := map[string]struct {
		change  func(*Figures)
		wantErr string
	}{
		"the same":               {change: func(*Figures) {}},
		"better":                 {change: func(f *Figures) { f.Operator.Heap /= 2 }},
		"worse, by a quarter":    {change: func(f *Figures) { f.Operator.Heap = f.Operator.Heap * 5 / 4 }},
		"a slow machine":         {change: func(f *Figures) { f.Operator.CPU[0] *= 9; f.StateMetrics.CPU[0] *= 9; f.Cold *= 9 }},
		"one disturbed pass":     {change: func(f *Figures) { f.Operator.CPU = append(f.Operator.CPU, 9*f.Operator.CPU[0]) }},
		"more CPU time":          {change: func(f *Figures) { f.Operator.CPU[0] *= 1.4 }, wantErr: guardCPU},
		"one pass with more":     {change: func(f *Figures) { b := f.Operator.Allocated[0]; f.Operator.Allocated = []float64{b, b, 9 * b} }},
		"more memory":            {change: func(f *Figures) { f.Operator.Heap = f.Operator.Heap * 7 / 5 }, wantErr: guardHeap},
		"no heap beside it":      {change: func(f *Figures) { f.StateMetrics.Heap = 0 }, wantErr: guardMemory},
		"no CPU time beside it":  {change: func(f *Figures) { f.StateMetrics.CPU = nil }, wantErr: guardCPU},
		"more than beside it":    {change: func(f *Figures) { f.StateMetrics.Heap = f.StateMetrics.Heap * 7 / 10 }, wantErr: guardMemory},
		"more garbage":           {change: func(f *Figures) { f.Operator.Allocated[0] *= 1.4 }, wantErr: guardAllocated},
		"more writes":            {change: func(f *Figures) { f.Noise = []float64{2} }, wantErr: guardNoise},
		"more writes at a start": {change: func(f *Figures) { f.ColdWrites *= 2 }, wantErr: guardCold},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := run(200)
			c.change(f)
			_, err := f.Guard().Check(stored)
			if (err != nil) != (c.wantErr != "") || (err != nil && !strings.Contains(err.Error(), c.wantErr)) {
				t.Errorf("error %v, want one about %q", err, c.wantErr)
			}
		})
	}
}

func TestRounds(t *testing.T) {
	f := run(100)
	for _, r := range []Round{{2, 5, 50, 250}, {10, 6, 20, 120}, {4, 1, 10, 210}} { // 1, 2 and 1 writes/s from the first order on
		f.Add(r)
	}
	if f.ColdFirst != 20 || f.Cold != 210 {
		t.Errorf("medians %v and %v, want 20 and 210", f.ColdFirst, f.Cold)
	}
	want := []row{
		{"cold start, to the last order, a bare client: medians of 3", "210.00 s, 1 writes/s", "4 writes/s", 0.238, "0.8", "1"},
		{"cold start, from the first order on, the same client", "200.00 s, 1 writes/s", "4 writes/s", 0.25, "0.8", "1"},
		{"cold start, to the last order, a client that asks for as little as the operator", "210.00 s, 1 writes/s", "5 writes/s", 0.278, "", ""},
		{"cold start, from the first order on, that client", "200.00 s, 1 writes/s", "5 writes/s", 0.333, "", ""},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 0.001 })
	if diff := cmp.Diff(want, f.coldRows("", f.Rounds), cmp.AllowUnexported(row{}), near); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	f.Apart, f.Rounds = f.Rounds[:1], nil
	if table := f.Table(); !strings.Contains(table, "| cold start with cores for the control plane, to the last order") ||
		strings.Contains(table, "| cold start, to") {
		t.Errorf("the table has not one round apart, and no others:\n%s", table)
	}
}

func TestPercentile(t *testing.T) {
	for name, tc := range map[string]struct {
		of      []float64
		percent int
		want    float64
	}{
		"none":                  {percent: 99},
		"one":                   {of: []float64{7}, percent: 50, want: 7},
		"the middle of three":   {of: []float64{1, 2, 3}, percent: 50, want: 2},
		"all but one of a few":  {of: []float64{1, 2, 3, 4}, percent: 75, want: 3},
		"the largest of a few":  {of: []float64{1, 2, 3, 4}, percent: 99, want: 4},
		"the smallest of a few": {of: []float64{1, 2, 3, 4}, percent: 0, want: 1},
	} {
		if got := Percentile(tc.of, tc.percent); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	if got := Percentile(hundred, 99); got != 99 {
		t.Errorf("99th of a hundred: %v", got)
	}
}

func TestTableOfLatency(t *testing.T) {
	f := run(200)
	if strings.Contains(f.Table(), "critical pod") {
		t.Errorf("a row of what was not measured:\n%s", f.Table())
	}
	f.Latency = []Latency{
		{Rate: 20, Answered: []float64{0.05, 0.06}, Shown: []float64{0.1, 0.2, 0.9}, Told: []float64{0.3}},
		{Rate: 100, Answered: []float64{0.3}, Shown: []float64{0.4}},
	}
	f.Failover = []float64{13, 14, 17}
	for _, want := range []string{
		"20 a second, to its order: p50, p99 of 3 | 0.20 s, 0.90 s | answer to the change: 0.05 s, 0.06 s |  | p99 1 s |",
		"p50, p99 of 1, which the bound lets through at once | 0.30 s, 0.30 s |  |  | p99 1 s |",
		"100 a second, to its order: p50, p99 of 1 | 0.40 s, 0.40 s | answer to the change: 0.30 s, 0.30 s |  |  |",
		"first right order: p50, most of 3 | 14.00 s, 17.00 s |  |  | 20 s |",
	} {
		if !strings.Contains(f.Table(), want) {
			t.Errorf("no %q in\n%s", want, f.Table())
		}
	}
}

func TestGuardThatIsNotMeasured(t *testing.T) {
	if _, err := (Guard{}).Check(Guard{"a figure": 1}); err == nil {
		t.Error("no error")
	}
}

func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.json")
	want := run(500)
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := want.Guard().Write(path); err != nil {
		t.Fatal(err)
	}
	stored, err := ReadGuard(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Guard(), stored); diff != "" {
		t.Error(diff)
	}
}

func TestGrowth(t *testing.T) {
	var out bytes.Buffer
	if err := Growth(&out, []*Figures{run(1000), run(500)}, 15000); err != nil {
		t.Fatal(err)
	}
	const want = `| nodes | pods | Peak memory, MiB | kube-state-metrics | CPU of a pass or scrape, s | kube-state-metrics | Writes under noise, /s | Cold start, s |
|---|---|---|---|---|---|---|---|
| 500 | 15000 | 90 | 600 | 5 | 10 | 0.5 | 5 |
| 1000 | 30000 | 140 | 1100 | 10 | 20 | 1 | 10 |
| 15000, from the slope | 450000 | 1540 | 15100 | 150 | 300 | 15 | 150 |
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	falls := run(1000)
	falls.Cold = 1
	out.Reset()
	if err := Growth(&out, []*Figures{run(500), falls}, 15000); err != nil {
		t.Fatal(err)
	}
	if mean := fmt.Sprintf(" %.2g |\n", (run(500).Cold+1)/2); !strings.HasSuffix(out.String(), mean) {
		t.Errorf("want the mean,%s of what falls with more nodes:\n%s", mean, out.String())
	}
	if err := Growth(&out, []*Figures{run(500)}, 15000); err == nil {
		t.Error("a slope of one size")
	}
}

func TestDraw(t *testing.T) {
	var out bytes.Buffer
	if err := Draw(&out, []*Figures{run(500), run(1000), run(2500)}); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, out.String())
		}
	}
	if dots := strings.Count(out.String(), "<circle"); dots != 3*(len(curves)+2) {
		t.Errorf("%d dots, want %d", dots, 3*(len(curves)+2))
	}
	if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "Inf") {
		t.Error(out.String())
	}
}

func TestMedian(t *testing.T) {
	cases := map[string]struct {
		of   []float64
		want float64
	}{
		"none": {want: 0},
		"odd":  {of: []float64{9, 1, 2}, want: 2},
		"even": {of: []float64{4, 1, 2, 9}, want: 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Median(c.of); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
