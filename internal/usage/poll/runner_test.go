package poll_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/poll"
)

const (
	mib  = int64(1) << 20
	keep = 10 * time.Minute
)

// reading is of a pod with one container that uses workingSet bytes.
func reading(name string, workingSet int64) *usage.Pod {
	c := usage.Container{Name: []byte("app"), ContainerUsage: facts.NoContainerUsage}
	c.WorkingSet = workingSet
	return &usage.Pod{Namespace: []byte("shop"), Name: []byte(name), WorkingSet: facts.Unknown, Containers: []usage.Container{c}}
}

var (
	errDown = errors.New("down")

	absentPods  = usage.Failure{Cause: usage.FailedAbsent, Of: "pods", Err: errDown}
	absentNodes = usage.Failure{Cause: usage.FailedAbsent, Of: "nodes", Err: errDown}
	partial     = usage.Failure{Cause: usage.FailedPartial, Of: "pods", Err: errDown}
)

// scripted is a source that plays one answer after another, the last one again and again.
type scripted struct {
	answers []answer
	takes   time.Duration
	passes  []time.Time
}

type answer struct {
	pods     []*usage.Pod
	failures []usage.Failure
}

func (s *scripted) Read(ctx context.Context, into usage.Sink) []usage.Failure {
	s.passes = append(s.passes, time.Now())
	select {
	case <-ctx.Done():
		return []usage.Failure{{Cause: usage.FailedOther, Of: "pods", Err: ctx.Err()}}
	case <-time.After(s.takes):
	}
	a := s.answers[min(len(s.passes), len(s.answers))-1]
	for _, p := range a.pods {
		p.ObservedAt = time.Now()
		into.Pod(p)
	}
	return a.failures
}

// run lets a runner make passes for a while, in a bubble whose time runs as fast as it can.
func run(t *testing.T, source *scripted, duration time.Duration) (lines []string, registry *prometheus.Registry, r *poll.Runner, onPass int) {
	t.Helper()
	registry = prometheus.NewRegistry()
	synctest.Test(t, func(t *testing.T) {
		r = &poll.Runner{
			Source: source, Store: usage.NewStore(keep, time.Now), Interval: 30 * time.Second,
			OnPass: func() { onPass++ }, Metrics: poll.NewMetrics(registry),
			Log: funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{}),
		}
		ctx, cancel := context.WithTimeout(t.Context(), duration)
		defer cancel()
		if err := r.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	return lines, registry, r, onPass
}

// No pass is made before the cluster's pods are known, however long that takes.
func TestRunnerWaitsForThePods(t *testing.T) {
	for name, tc := range map[string]struct {
		known time.Duration
		want  int
	}{"known after a minute": {time.Minute, 1}, "never known": {time.Hour, 0}} {
		t.Run(name, func(t *testing.T) {
			source := &scripted{answers: []answer{{}}}
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				r := &poll.Runner{
					Source: source, Store: usage.NewStore(keep, time.Now), Interval: 30 * time.Second,
					Metrics: poll.NewMetrics(prometheus.NewRegistry()), Log: funcr.New(func(string, string) {}, funcr.Options{}),
					Ready: func(ctx context.Context) error {
						select {
						case <-time.After(tc.known):
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					},
				}
				ctx, cancel := context.WithTimeout(t.Context(), 80*time.Second)
				defer cancel()
				if err := r.Start(ctx); err != nil {
					t.Error(err)
				}
				if len(source.passes) != tc.want || (tc.want > 0 && source.passes[0].Sub(begin) < tc.known) {
					t.Errorf("passes %v, want %d after %s", source.passes, tc.want, tc.known)
				}
			})
		})
	}
}

func TestRunnerKeepsItsRhythm(t *testing.T) {
	tests := map[string]struct {
		takes time.Duration
		want  []int // seconds after the first
	}{
		"quick passes":             {time.Second, []int{0, 30, 60, 90, 120}},
		"passes longer than that":  {40 * time.Second, []int{0, 60, 120}},
		"passes just as long":      {30 * time.Second, []int{0, 60, 120}},
		"passes of no time at all": {0, []int{0, 30, 60, 90, 120}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			source := &scripted{answers: []answer{{}}, takes: tc.takes}
			begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when bubbles begin
			run(t, source, 2*time.Minute+4*time.Second)
			var got []int
			for _, at := range source.passes {
				got = append(got, int(at.Sub(source.passes[0]).Seconds()))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("passes (-want +got):\n%s", diff)
			}
			if late := source.passes[0].Sub(begin); late < 0 || late > 3*time.Second {
				t.Errorf("the first pass comes after %s", late)
			}
		})
	}
}

func TestRunnerLogsOnceAndCountsEach(t *testing.T) {
	good := []*usage.Pod{reading("a", mib), reading("b", mib)}
	absurd := append([]*usage.Pod{reading("c", -9)}, good...)
	source := &scripted{answers: []answer{
		{pods: good},
		{failures: []usage.Failure{absentPods, absentNodes}},
		{failures: []usage.Failure{absentPods, absentNodes}},
		{failures: []usage.Failure{absentPods, partial}},
		{failures: []usage.Failure{absentPods, partial}},
		{pods: absurd},
		{pods: absurd},
		{pods: good},
	}}
	lines, registry, runner, onPass := run(t, source, 8*30*time.Second-time.Second)
	want := []string{
		"Negative begins", "Negative ends", "nodes APIAbsent begins", "nodes APIAbsent ends",
		"pods APIAbsent begins", "pods APIAbsent ends", "pods Partial begins", "pods Partial ends",
	}
	if diff := cmp.Diff(want, brief(lines)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if onPass != 8 {
		t.Errorf("OnPass was called %d times, want 8", onPass)
	}
	wantMetrics := map[string]float64{
		"killorder_usage_passes_total":                      8,
		"killorder_usage_failures_total APIAbsent":          4,
		"killorder_usage_failures_total Partial":            2,
		"killorder_usage_readings_dropped_total Negative":   2,
		"killorder_usage_readings pods":                     2,
		"killorder_usage_last_pass_timestamp_seconds isSet": 1,
	}
	if diff := cmp.Diff(wantMetrics, gathered(t, registry)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if s := runner.Status(); s.Pods != 2 || len(s.Failures) != 0 || s.At.IsZero() {
		t.Errorf("status %+v", s)
	}
}

func TestRunnerStopsInTheMiddleOfAPass(t *testing.T) {
	source := &scripted{answers: []answer{{}}, takes: time.Hour}
	lines, registry, _, onPass := run(t, source, time.Minute)
	if len(source.passes) != 1 || len(lines) != 0 || onPass != 0 {
		t.Errorf("%d passes begun, %d ended, logged %q", len(source.passes), onPass, lines)
	}
	if got := gathered(t, registry); len(got) != 0 {
		t.Errorf("an interrupted pass was counted: %v", got)
	}
}

// brief says of each line what it is about, and whether that begins or ends, sorted.
func brief(lines []string) (said []string) {
	for _, line := range lines {
		what := "ends"
		if strings.Contains(line, "not logged again") {
			what = "begins"
		}
		var of, cause string
		if _, rest, ok := strings.Cut(line, `"of"="`); ok {
			of, _, _ = strings.Cut(rest, `"`)
			of += " "
		}
		_, rest, _ := strings.Cut(line, `"cause"="`)
		cause, _, _ = strings.Cut(rest, `"`)
		said = append(said, fmt.Sprintf("%s%s %s", of, cause, what))
	}
	slices.Sort(said)
	return said
}

// gathered returns all metrics that are not 0.
func gathered(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			words, value := []string{family.GetName()}, m.GetCounter().GetValue()+m.GetGauge().GetValue()
			for _, label := range m.GetLabel() {
				words = append(words, label.GetValue())
			}
			name := strings.Join(words, " ")
			if strings.HasSuffix(name, "_timestamp_seconds") {
				name, value = name+" isSet", min(value, 1)
			}
			if value != 0 {
				got[name] = value
			}
		}
	}
	return got
}
