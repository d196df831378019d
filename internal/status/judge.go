package status

import (
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/audit"
	"github.com/killorder/killorder/internal/engine/forecast"
	"github.com/killorder/killorder/internal/facts"
)

// History is what a judgement of a node remembers for the next judgement of the same node. A node without a History (after a
// restart, or under a new leader) is judged from its readings alone. The judgement is right all the same, but less calm: figures may
// move by noise once, a new culprit needs two passes over the readings again, and forecasts begin anew.
type History struct {
	// published is the status that a judgement is compared with, nil if there is none. The operator sets it for the length of a
	// judgement only.
	published *v1alpha1.NodeKillOrderStatus
	// challenger is the pod that beat the published culprit in the last judgement.
	challenger Challenger
	// forecasts has the past readings from which times are estimated.
	forecasts forecast.History
	// newForecast is a forecast that is not published yet, and the pass that gave it first.
	newForecast newForecast
	// findings has the texts of the last audit, so that a text changes only with what the text is about.
	findings audit.History
	// told is the part of published statuses that Events were created for. If somebody deletes that part from the status, told
	// brings it back: as news it would cause a second Event.
	told told
	// kills that were found on the node and are to be published, and keys of published ones that turned out to be none.
	kills     []v1alpha1.Kill
	withdrawn []KillKey
	// standing is an extract of the published status, as long as the readings say the same; nil where they say something else.
	standing *standing
}

// SetPublished tells the History which status the API server has: the next judgement is compared with that status.
// nil means that there is none.
func (h *History) SetPublished(s *v1alpha1.NodeKillOrderStatus) { h.published = s }

// SetKills tells the History which kills on the node are to be published beside the published ones, and which of the
// published ones turned out to be no kills.
func (h *History) SetKills(kills []v1alpha1.Kill, withdrawn []KillKey) {
	h.kills, h.withdrawn = kills, withdrawn
}

// Renew forgets everything but what Events have told of the node's pods. The Node was replaced by another Node of the same name,
// and its pods may still be there.
func (h *History) Renew() { *h = History{told: told{atRisk: h.told.atRisk}} }

// Judge is the one road from a node's facts to what is said of the node, for the operator and the plugin alike. The
// verdict's orders are those of the status, complete; the status shows the first top of each (0: all). generation is
// that of the NodeKillOrder.
//
// With a History, the status stays as close to the published one as the readings allow, and the History is updated.
// Without one (nil) everything is exact.
func Judge(
	n *facts.Node, p *facts.Policy, h *History, top int, generation int64, now time.Time,
) (engine.Verdict, v1alpha1.NodeKillOrderStatus) {
	if h == nil {
		v := engine.Evaluate(n, p, now)
		v.Findings, v.Ignored = audit.Find(&v, p, &audit.History{})
		return v, statusOf(&v, p, nil, top, generation, now)
	}
	h.standing = nil
	prev := &v1alpha1.NodeKillOrderStatus{}
	if h.published != nil {
		*prev = *h.published
	}
	prev.Kills = Kills(prev.Kills, h.kills, h.withdrawn)
	h.told.restore(prev)
	v := h.verdict(n, p, prev, now)
	s := statusOf(&v, p, prev, top, generation, now)
	h.told.resume(&v, prev, &s)
	h.told = toldIn(prev, &s, &h.told)
	return v, s
}

// verdict judges the node from its readings and the previous status, and remembers what the next judgement needs. A second call
// with the same readings changes nothing.
func (h *History) verdict(n *facts.Node, p *facts.Policy, prev *v1alpha1.NodeKillOrderStatus, now time.Time) engine.Verdict {
	v := engine.Evaluate(n, p, now)
	forecast.Predict(&v, &h.forecasts, now)
	v.Quiet = h.forecasts.Quiet(&v, p)
	v, h.challenger = settle(&v, p, prev, h.challenger)
	v.Forecast, h.newForecast = settleForecast(&v, summaryForecast(prev), h.newForecast)
	v.Findings, v.Ignored = audit.Find(&v, p, &h.findings)
	return v
}
