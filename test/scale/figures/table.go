package figures

import (
	"fmt"
	"strings"
)

// row of the table: killorder's figure, the other's, and what the ratio must be and should become.
type row struct {
	what, ours, theirs string
	ratio              float64
	must, aim          string
}

// urgentRate is the rate of changes, a second, for which Latency has a bound.
const urgentRate = 20

// Table of the figures in Markdown.
func (f *Figures) Table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "| %d nodes, %d pods | killorder | beside it | ratio | must | aim |\n|---|---|---|---|---|---|\n", f.Nodes, f.Pods)
	for _, r := range f.rows() {
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", r.what, r.ours, r.theirs, number(r.ratio), r.must, r.aim)
	}
	fmt.Fprintf(&out, "\n%d orders compared with rank, %d differ. %s; %s; %d cores, %.0f GiB, load average %.1f to %.1f;"+
		" killorder %s, Go %s, Kubernetes %s, kube-state-metrics %s.\n",
		f.Compared, len(f.Different), f.Date, f.Command, f.Machine.Cores, float64(f.Machine.Memory)/(1<<30),
		f.Machine.Load[0], f.Machine.Load[1], f.Versions.Killorder, f.Versions.Go, f.Versions.Kubernetes, f.Versions.StateMetrics)
	return out.String()
}

func (f *Figures) rows() []row {
	k, s := &f.Operator, &f.StateMetrics
	rows := []row{
		{
			"peak memory, kube-state-metrics (pods, nodes)", mib(k.Peak), mib(s.Peak), ratio(float64(k.Peak), float64(s.Peak)),
			"0.10", "0.05",
		},
		{"heap after a garbage collection", mib(k.Heap), mib(s.Heap), ratio(float64(k.Heap), float64(s.Heap)), "", ""},
		{
			fmt.Sprintf("CPU: a pass of %.0f s, a scrape", f.Interval), seconds(Median(k.CPU)), seconds(Median(s.CPU)),
			ratio(Median(k.CPU), Median(s.CPU)), "0.5", "0.25",
		},
		{"allocated: a pass, a scrape", mib(int64(Median(k.Allocated))), mib(int64(Median(s.Allocated))), 0, "", ""},
		{"writes, nothing but noise", fmt.Sprintf("%.2f/s", Mean(f.Noise)), "", 0, "1/s", "0"},
		{
			"`rank`, `kubectl get pods -A -o wide`: time", seconds(f.Rank.Wall), seconds(f.Get.Wall),
			ratio(f.Rank.Wall, f.Get.Wall), "0.5", "",
		},
		{"the same: CPU", seconds(f.Rank.CPU), seconds(f.Get.CPU), ratio(f.Rank.CPU, f.Get.CPU), "", ""},
		{"the same: memory", mib(f.Rank.Peak), mib(f.Get.Peak), ratio(float64(f.Rank.Peak), float64(f.Get.Peak)), "0.02", ""},
	}
	rows = append(rows, f.coldRows("", f.Rounds)...)
	rows = append(rows, f.coldRows(" with cores for the control plane", f.Apart)...)
	for i := range f.Latency {
		rows = append(rows, f.Latency[i].rows()...)
	}
	if n := len(f.Failover); n > 0 {
		rows = append(rows, row{
			what: fmt.Sprintf("the leader is killed, to the other's first right order: p50, most of %d", n),
			ours: fmt.Sprintf("%s, %s", seconds(Percentile(f.Failover, 50)), seconds(Percentile(f.Failover, 100))), must: "20 s",
		})
	}
	return rows
}

// coldRows are the rows of rounds that were measured in a way: medians, and the medians of the rounds' ratios. The target counts beside
// client-go's defaults.
func (f *Figures) coldRows(way string, rounds []Round) []row {
	if len(rounds) == 0 {
		return nil
	}
	plain, sparing := func(r Round) float64 { return r.Bare }, func(r Round) float64 { return r.BareSparing }
	whole, writing := func(r Round) float64 { return r.Cold }, func(r Round) float64 { return r.Cold - r.ColdFirst }
	cold := func(what, must, aim string, of, beside func(Round) float64) row {
		took := medianOf(rounds, of)
		return row{
			what:   what,
			ours:   fmt.Sprintf("%s, %.0f writes/s", seconds(took), f.rate(took)),
			theirs: fmt.Sprintf("%.0f writes/s", medianOf(rounds, beside)),
			ratio:  medianOf(rounds, func(r Round) float64 { return ratio(f.rate(of(r)), beside(r)) }),
			must:   must, aim: aim,
		}
	}
	return []row{
		cold(fmt.Sprintf("cold start%s, to the last order, a bare client: medians of %d", way, len(rounds)), "0.8", "1", whole, plain),
		cold(fmt.Sprintf("cold start%s, from the first order on, the same client", way), "0.8", "1", writing, plain),
		cold(fmt.Sprintf("cold start%s, to the last order, a client that asks for as little as the operator", way), "", "", whole, sparing),
		cold(fmt.Sprintf("cold start%s, from the first order on, that client", way), "", "", writing, sparing),
	}
}

func (l *Latency) rows() []row {
	rows := []row{{
		what: fmt.Sprintf("a critical pod comes first, %.0f a second, to its order: p50, p99 of %d", l.Rate, len(l.Shown)),
		ours: fmt.Sprintf("%s, %s", seconds(Percentile(l.Shown, 50)), seconds(Percentile(l.Shown, 99))),
		theirs: fmt.Sprintf("answer to the change: %s, %s",
			seconds(Percentile(l.Answered, 50)), seconds(Percentile(l.Answered, 99))),
	}}
	if l.Rate == urgentRate {
		rows[0].must = "p99 1 s"
	}
	if len(l.Told) > 0 {
		rows = append(rows, row{
			what: fmt.Sprintf("the same, to its Event: p50, p99 of %d, which the bound lets through at once", len(l.Told)),
			ours: fmt.Sprintf("%s, %s", seconds(Percentile(l.Told, 50)), seconds(Percentile(l.Told, 99))), must: rows[0].must,
		})
	}
	return rows
}

func mib(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }

func seconds(s float64) string { return fmt.Sprintf("%.2f s", s) }

func number(n float64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", n)
}
