package publish

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/killorder/killorder/internal/status"
)

// Results of writes, and reasons why there was no write.
const (
	resultWritten = "written"
	resultFailed  = "failed"
	heldUnchanged = "unchanged"
	heldInterval  = "interval"
	heldRate      = "rate"
)

// Causes of Events that were never created.
const (
	eventLate    = "late"
	eventRefused = "refused"
)

// Metrics counts what is written and what is held back.
type Metrics struct {
	writes   *prometheus.CounterVec
	heldBack *prometheus.CounterVec
	absurd   prometheus.Counter
	events   *prometheus.CounterVec
	leftOut  *prometheus.CounterVec
}

// NewMetrics registers the metrics, the length of the gate's queue included.
func NewMetrics(r prometheus.Registerer, gate *Gate) *Metrics {
	m := &Metrics{
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "killorder_writes_total",
			Help: "Writes of NodeKillOrders to the API server, by result.",
		}, []string{"result"}),
		heldBack: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "killorder_writes_held_back_total",
			Help: "Evaluations that ended in no write: nothing changed, it was written a moment ago (interval), or waits for the rate.",
		}, []string{"reason"}),
		absurd: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "killorder_usage_readings_absurd_total",
			Help: "Readings left out of an evaluation because they are larger than the node.",
		}),
	}
	m.events = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "killorder_events_total",
		Help: "Events created, by reason.",
	}, []string{"reason"})
	m.leftOut = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "killorder_events_left_out_total",
		Help: "Events never created: they waited for ten minutes or until their order was gone, or were too many of a node (late), or " +
			"the API server refuses their text (refused).",
	}, []string{"cause"})
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "killorder_writes_waiting",
		Help: "Nodes whose NodeKillOrder waits for the write rate.",
	}, func() float64 { return float64(gate.Waiting()) })
	for counter, values := range map[*prometheus.CounterVec][]string{
		m.writes:   {resultWritten, resultFailed},
		m.heldBack: {heldUnchanged, heldInterval, heldRate},
		m.leftOut:  {eventLate, eventRefused},
		m.events:   {status.EventCriticalPodAtRisk, status.EventCriticalPodSafe, status.EventWrongVictimPredicted, status.EventPodKilled},
	} {
		for _, v := range values {
			counter.WithLabelValues(v) // 0 is a value: rates need it
		}
	}
	r.MustRegister(m.writes, m.heldBack, m.absurd, m.events, m.leftOut, waiting)
	return m
}

// Written counts a write.
func (m *Metrics) Written() { m.writes.WithLabelValues(resultWritten).Inc() }

// WriteFailed counts a write that failed.
func (m *Metrics) WriteFailed() { m.writes.WithLabelValues(resultFailed).Inc() }

// Unchanged counts an evaluation with nothing to write.
func (m *Metrics) Unchanged() { m.heldBack.WithLabelValues(heldUnchanged).Inc() }

// HeldForInterval counts a write held back because the object was written a moment ago.
func (m *Metrics) HeldForInterval() { m.heldBack.WithLabelValues(heldInterval).Inc() }

// HeldForTurn counts a write held back by the write rate.
func (m *Metrics) HeldForTurn() { m.heldBack.WithLabelValues(heldRate).Inc() }

// AbsurdReadings counts n readings that cannot be true.
func (m *Metrics) AbsurdReadings(n int) { m.absurd.Add(float64(n)) }

// Event counts an Event that was created.
func (m *Metrics) Event(reason string) { m.events.WithLabelValues(reason).Inc() }

// EventsLate counts n Events that waited, for the bound or for a namespace that took none, until they were too old or too many, or until
// their order was gone.
func (m *Metrics) EventsLate(n int) { m.leftOut.WithLabelValues(eventLate).Add(float64(n)) }

// EventRefused counts an Event that the API server refuses for what it says.
func (m *Metrics) EventRefused() { m.leftOut.WithLabelValues(eventRefused).Inc() }
