package kills

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/status"
)

// What was left out, and why it is counted.
const (
	leftOutDeath = "death" // a death that the ledger had no room for
	leftOutEvent = "event" // a PodKilled Event that the rate and the queue had no room for
)

// Metrics counts kills, and how well they were foreseen. Their labels have bounded values: no pod, no namespace.
type Metrics struct {
	kills       *prometheus.CounterVec
	wrongVictim *prometheus.CounterVec
	rank        *prometheus.HistogramVec
	scored      *prometheus.CounterVec
	first       *prometheus.CounterVec
	listed      *prometheus.CounterVec
	leftOut     *prometheus.CounterVec
}

// NewMetrics registers the metrics, each with all the values that its labels can have: 0 is a value, and a counter that
// appears with its first kill has no increase.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		kills: counter("killorder_kills_total",
			"Kills for memory, each counted once, by cause, confidence, QoS class and whether the pod was critical.",
			"cause", "confidence", "qos", "critical"),
		wrongVictim: counter("killorder_wrong_victim_kills_total",
			"Kills whose victim was not the culprit of that moment, by cause.", "cause"),
		rank: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "killorder_kill_predicted_rank",
			Help: "Rank of the victim in the order published before the kill, by killer; beyond the last bucket: in no published order.",
			// An order has up to 20 places.
			Buckets: []float64{1, 2, 3, 5, 10, v1alpha1.MaxTopN},
		}, []string{"killer"}),
		scored: counter("killorder_predictions_scored_total",
			"Kills for which an order of the right killer was published before.", "killer"),
		first: counter("killorder_predictions_first_victim_total",
			"Kills whose victim was the first of the order published before.", "killer"),
		listed: counter("killorder_predictions_listed_total",
			"Kills whose victim stood in the order published before.", "killer"),
		leftOut: counter("killorder_kills_left_out_total",
			"Deaths and Events of deaths that were too many to be told.", "what"),
	}
	m.begin()
	r.MustRegister(m.kills, m.wrongVictim, m.rank, m.scored, m.first, m.listed, m.leftOut)
	return m
}

// begin makes every series, at 0.
func (m *Metrics) begin() {
	for _, cause := range v1alpha1.KillCauses() {
		m.wrongVictim.WithLabelValues(string(cause))
		for _, confidence := range []v1alpha1.Confidence{v1alpha1.ConfidenceHigh, v1alpha1.ConfidenceMedium, v1alpha1.ConfidenceLow} {
			for _, qos := range []string{facts.BestEffort.String(), facts.Burstable.String(), facts.Guaranteed.String(), unknownQOS} {
				for _, critical := range []string{"false", "true"} {
					m.kills.WithLabelValues(string(cause), string(confidence), qos, critical)
				}
			}
		}
	}
	for _, killer := range []v1alpha1.Killer{v1alpha1.KillerEviction, v1alpha1.KillerOOM} {
		for _, c := range []*prometheus.CounterVec{m.scored, m.first, m.listed} {
			c.WithLabelValues(string(killer))
		}
		m.rank.WithLabelValues(string(killer))
	}
	m.leftOut.WithLabelValues(leftOutDeath)
	m.leftOut.WithLabelValues(leftOutEvent)
}

// killed counts a kill.
func (m *Metrics) killed(k *v1alpha1.Kill, qos string) {
	m.kills.WithLabelValues(string(k.Cause), string(k.Confidence), qos, strconv.FormatBool(k.Critical)).Inc()
	if k.WrongVictim {
		m.wrongVictim.WithLabelValues(string(k.Cause)).Inc()
	}
	if !status.Scored(k) {
		return
	}
	killer, rank := string(k.Predicted.Killer), k.Predicted.Rank
	m.scored.WithLabelValues(killer).Inc()
	switch rank {
	case 0:
		m.rank.WithLabelValues(killer).Observe(v1alpha1.MaxTopN + 1)
		return
	case 1:
		m.first.WithLabelValues(killer).Inc()
	}
	m.listed.WithLabelValues(killer).Inc()
	m.rank.WithLabelValues(killer).Observe(float64(rank))
}

func (m *Metrics) omitted(what string, n int) { m.leftOut.WithLabelValues(what).Add(float64(n)) }
