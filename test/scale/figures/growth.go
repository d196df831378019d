package figures

import (
	"fmt"
	"io"
	"slices"
)

// curve is one figure over the number of nodes.
type curve struct {
	name, unit string
	of         func(*Figures) float64
	// beside is the figure of kube-state-metrics, nil where there is none.
	beside func(*Figures) float64
}

var curves = []curve{
	{
		"Peak memory", "MiB", func(f *Figures) float64 { return float64(f.Operator.Peak) / (1 << 20) },
		func(f *Figures) float64 { return float64(f.StateMetrics.Peak) / (1 << 20) },
	},
	{
		"CPU of a pass or scrape", "s", func(f *Figures) float64 { return Median(f.Operator.CPU) },
		func(f *Figures) float64 { return Median(f.StateMetrics.CPU) },
	},
	{"Writes under noise", "/s", func(f *Figures) float64 { return Mean(f.Noise) }, nil},
	{"Cold start", "s", func(f *Figures) float64 { return f.Cold }, nil},
}

// line is what fits a curve best: at + slope x nodes (least squares). Memory, work and writes all follow the number of pods.
type line struct{ at, slope float64 }

func (l line) of(nodes float64) float64 { return l.at + l.slope*nodes }

func fit(all []*Figures, of func(*Figures) float64) line {
	var x, y, xx, xy float64
	n := float64(len(all))
	for _, f := range all {
		at, v := float64(f.Nodes), of(f)
		x, y, xx, xy = x+at, y+v, xx+at*at, xy+at*v
	}
	spread := n*xx - x*x
	if spread == 0 {
		return line{at: ratio(y, n)}
	}
	slope := max((n*xy-x*y)/spread, 0) // what falls with more nodes has another cause: its mean says more than a slope
	return line{at: (y - slope*x) / n, slope: slope}
}

// Growth writes a table of runs of several sizes, with another size worked out from the slope.
func Growth(to io.Writer, all []*Figures, other int) error {
	all = bySize(all)
	if len(all) < 2 {
		return fmt.Errorf("%d sizes were measured: a slope takes two", len(all))
	}
	fmt.Fprint(to, "| nodes | pods |")
	for _, c := range curves {
		fmt.Fprintf(to, " %s, %s |", c.name, c.unit)
		if c.beside != nil {
			fmt.Fprint(to, " kube-state-metrics |")
		}
	}
	fmt.Fprint(to, "\n|---|---|---|---|---|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(to, "| %d | %d |", f.Nodes, f.Pods)
		cells(to, func(of func(*Figures) float64) float64 { return of(f) })
	}
	last := all[len(all)-1]
	fmt.Fprintf(to, "| %d, from the slope | %d |", other, other*last.Pods/last.Nodes)
	cells(to, func(of func(*Figures) float64) float64 { return fit(all, of).of(float64(other)) })
	return nil
}

// cells writes the figures of a row, each curve's and the one beside it.
func cells(to io.Writer, figure func(of func(*Figures) float64) float64) {
	for _, c := range curves {
		fmt.Fprintf(to, " %s |", short(figure(c.of)))
		if c.beside != nil {
			fmt.Fprintf(to, " %s |", short(figure(c.beside)))
		}
	}
	fmt.Fprintln(to)
}

// short is a figure with as many digits as it is worth.
func short(figure float64) string {
	if figure >= 100 {
		return fmt.Sprintf("%.0f", figure)
	}
	return fmt.Sprintf("%.2g", figure)
}

func bySize(all []*Figures) []*Figures {
	return slices.SortedFunc(slices.Values(all), func(a, b *Figures) int { return a.Nodes - b.Nodes })
}
