package compare

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/killorder/killorder/test/scale/figures"
)

// reading of a program at a moment.
type reading struct {
	cpu       time.Duration
	allocated float64
	heap      float64
}

// readingOf a program that runs beside the cluster.
func (b *bench) readingOf(ctx context.Context, name string, of *page) (r reading, err error) {
	pid, err := b.cluster.PID(name)
	if err != nil {
		return r, err
	}
	s, err := of.read(ctx)
	if err != nil {
		return r, err
	}
	r.allocated, r.heap = s.allocated(), float64(s.liveHeap())
	r.cpu, err = cpuOf(pid)
	return r, err
}

// passes lets memory be noisy, and measures the operator pass by pass, and kube-state-metrics scrape by scrape. Scrapes are made at the
// beginning of each interval that is measured, so that both programs run under the same load.
func (b *bench) passes(ctx context.Context) error {
	b.cluster.ReleaseMemory()
	if err := pause(ctx, time.Duration(b.Settle)*b.Options.Interval); err != nil {
		return err
	}
	b.orders.countFields()
	var heaps, theirs []float64
	// The operator's page of metrics is read once a pass, as a Prometheus does: to serve the page is part of what a pass takes.
	before, err := b.readingOf(ctx, manager, b.operator)
	if err != nil {
		return err
	}
	began := time.Now()
	for range b.Options.Passes {
		writes := b.orders.writes()
		heap, err := b.scrape(ctx)
		if err != nil {
			return err
		}
		theirs = append(theirs, heap)
		if err := pause(ctx, b.Options.Interval-time.Since(began)); err != nil {
			return err
		}
		after, err := b.readingOf(ctx, manager, b.operator)
		if err != nil {
			return err
		}
		took := time.Since(began)
		began = began.Add(took)
		passes := took.Seconds() / b.Options.Interval.Seconds()
		b.Operator.CPU = append(b.Operator.CPU, figures.Seconds(after.cpu-before.cpu)/passes)
		b.Operator.Allocated = append(b.Operator.Allocated, (after.allocated-before.allocated)/passes)
		b.Noise = append(b.Noise, float64(b.orders.writes()-writes)/took.Seconds())
		heaps, before = append(heaps, after.heap), after
	}
	b.Operator.Heap, b.StateMetrics.Heap = int64(figures.Median(heaps)), int64(figures.Median(theirs))
	fmt.Fprintf(b.Progress, "fields of the status that changed, and in how many writes:\n%s", b.orders.counted())
	return b.peaks()
}

// The kernel counts CPU time in hundredths of a second, too coarse for one short scrape: mostScrapes are measured together, fewer
// where they take enough. One scrape of 5,000 nodes does: several, one after the other, would keep a core busy for the whole of an
// interval, and what a pass takes then would be measured beside more than one scrape.
const (
	mostScrapes = 5
	enough      = time.Second
)

// scrape kube-state-metrics, as a Prometheus does, note what one scrape took, and return the heap of kube-state-metrics.
func (b *bench) scrape(ctx context.Context) (float64, error) {
	before, err := b.readingOf(ctx, stateMetrics, b.telemetry)
	if err != nil {
		return 0, err
	}
	n := 0.0
	for began := b.cpuUntilNow(stateMetrics); n < mostScrapes && b.cpuUntilNow(stateMetrics)-began < enough; n++ {
		if err := b.metrics.get(ctx, io.Discard); err != nil {
			return 0, err
		}
	}
	after, err := b.readingOf(ctx, stateMetrics, b.telemetry)
	if err != nil {
		return 0, err
	}
	b.StateMetrics.CPU = append(b.StateMetrics.CPU, figures.Seconds(after.cpu-before.cpu)/n)
	b.StateMetrics.Allocated = append(b.StateMetrics.Allocated, (after.allocated-before.allocated)/n)
	return after.heap, nil
}

func (b *bench) peaks() error {
	for name, to := range map[string]*int64{manager: &b.Operator.Peak, stateMetrics: &b.StateMetrics.Peak} {
		pid, err := b.cluster.PID(name)
		if err != nil {
			return err
		}
		if *to, err = peakOf(pid); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
