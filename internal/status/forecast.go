package status

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/forecast"
	"github.com/killorder/killorder/internal/facts"
)

// timeBounds are the times shown, soonest first.
var timeBounds = []struct {
	within time.Duration
	shown  v1alpha1.TimeBound
}{
	{5 * time.Minute, v1alpha1.Within5Minutes},
	{15 * time.Minute, v1alpha1.Within15Minutes},
	{time.Hour, v1alpha1.WithinAnHour},
	{6 * time.Hour, v1alpha1.Within6Hours},
}

// timeBound returns the bound that is shown for an estimate, "" if there is no estimate or the time is too long. The
// bound shown before stays until the estimate is a quarter beyond one of the bound's edges, because estimates move with
// each reading.
func timeBound(before v1alpha1.TimeBound, estimate time.Duration) v1alpha1.TimeBound {
	if estimate <= 0 {
		return ""
	}
	var edge time.Duration
	for _, b := range timeBounds {
		if b.shown == before && estimate >= edge-edge/4 && estimate < b.within+b.within/4 {
			return before
		}
		edge = b.within
	}
	for _, b := range timeBounds {
		if estimate < b.within {
			return b.shown
		}
	}
	return ""
}

// newForecast is a forecast that one pass over the readings gave and that is not published yet. The next passes, for as long as
// patience says, have to give the same one.
// The zero value means that there is none.
type newForecast struct {
	killer engine.Killer
	uid    string
	// pass that gave the forecast first, named by the time of its readings.
	pass time.Time
}

// settleForecast decides which forecast to publish. Another forecast, or none, replaces the published one once at least two passes,
// patience apart, have given it. A forecast counts as the published one if noise alone could explain the difference. A forecast
// that names what may be the next kill counts as none.
// The published forecast goes at once where its pod is gone, or is the next to die anyway. Without readings there is no forecast.
// Stale readings change no forecast, and neither do readings that do not go back far enough to tell growth: after a restart of the
// operator, or a change of its leader, the published forecast stays for the minutes until they do.
func settleForecast(v *engine.Verdict, prev *v1alpha1.ForecastKill, f newForecast) (engine.Forecast, newForecast) {
	published := publishedForecast(v, prev)
	exact := v.Forecast
	exact.Eviction, exact.OOM = nil, nil
	switch {
	case v.Freshness == engine.Unavailable:
		return engine.Forecast{}, newForecast{}
	case v.Freshness == engine.Stale:
		return published, f
	case v.Forecast.TooEarly:
		return published, newForecast{}
	case !worthPublishing(v, prev):
		exact = engine.Forecast{}
	case published.Killer == exact.Killer && v.Forecast.MayBe(published.Victim.Pod):
		published.In = exact.In
		return published, newForecast{}
	}
	other := newForecast{killer: exact.Killer, pass: v.Node.Usage.ObservedAt}
	if exact.Victim != nil {
		other.uid = exact.Victim.UID
	}
	switch {
	case exact.Killer == engine.None && published.Killer == engine.None:
		return exact, newForecast{}
	case f.pass.IsZero() || f.killer != other.killer || f.uid != other.uid:
		return published, other
	case other.pass.After(f.pass) && other.pass.Sub(f.pass) >= patience(exact.In, prev):
		return exact, f // the forecast stays the new one until the status that shows it is written, which may take a while
	}
	return published, f
}

// mostPatience is the longest time for which a new forecast has to hold: half of the time that readings are kept.
const mostPatience = 5 * time.Minute

// patience is for how long a new forecast has to hold before the forecast is published: a thirtieth of the time until the kill
// that the new forecast names, or the published one, whichever is sooner, but no more than mostPatience. Over hours the noise of
// ten minutes of readings now and then looks like growth; what is minutes away cannot wait.
func patience(in time.Duration, prev *v1alpha1.ForecastKill) time.Duration {
	if in <= 0 {
		in = forecast.Horizon
	}
	for _, b := range timeBounds {
		if prev != nil && b.shown == prev.In {
			in = min(in, b.within)
		}
	}
	return min(in/30, mostPatience)
}

// worthPublishing reports whether the verdict's forecast names another victim than the next kill does, and within the times
// that are shown.
func worthPublishing(v *engine.Verdict, prev *v1alpha1.ForecastKill) bool {
	f, next := &v.Forecast, v.Outlook.Next
	if f.Killer == engine.None || (next.Killer != engine.None && f.MayBe(next.Victim.Pod)) {
		return false
	}
	return timeBound(boundOf(prev), f.In) != ""
}

// publishedForecast is the forecast that stands in a status, with an unknown time; none where its pod is gone, or is the next
// to die.
func publishedForecast(v *engine.Verdict, prev *v1alpha1.ForecastKill) engine.Forecast {
	if prev == nil {
		return engine.Forecast{}
	}
	if next := v.Outlook.Next; next.Killer != engine.None && next.Victim.UID == string(prev.UID) {
		return engine.Forecast{}
	}
	p := v.Node.PodOf(string(prev.UID))
	if p == nil {
		return engine.Forecast{}
	}
	return engine.Forecast{Threat: engine.Threat{Killer: killerNamed(prev.Killer), Victim: p}}
}

func killerNamed(name v1alpha1.Killer) engine.Killer {
	for k, n := range Killers {
		if n == name {
			return k
		}
	}
	return engine.None
}

func boundOf(f *v1alpha1.ForecastKill) v1alpha1.TimeBound {
	if f == nil {
		return ""
	}
	return f.In
}

// forecastKill is a settled forecast as a status shows it; nil if there is none. A time that is not known, or no longer
// shown, stays as it was published.
func forecastKill(f *engine.Forecast, prev *v1alpha1.ForecastKill) *v1alpha1.ForecastKill {
	if f.Killer == engine.None {
		return nil
	}
	k := &v1alpha1.ForecastKill{
		Killer: Killers[f.Killer], Namespace: f.Victim.Namespace, Pod: f.Victim.Name, UID: types.UID(f.Victim.UID),
		In: timeBound(boundOf(prev), f.In),
	}
	if k.In == "" {
		k.In = boundOf(prev)
	}
	return k
}

// summaryForecast is the forecast that a status shows.
func summaryForecast(s *v1alpha1.NodeKillOrderStatus) *v1alpha1.ForecastKill {
	if s == nil || s.Summary == nil {
		return nil
	}
	return s.Summary.Forecast
}

// foretold says in a sentence, with a space before it, that the pod is the first to die when it comes to it; "" if the
// verdict's forecast does not say so.
func foretold(v *engine.Verdict, p *facts.PodState) string {
	f := &v.Forecast
	if f.Killer == engine.None || p == nil || !facts.SamePod(f.Victim.Pod, p.Pod) {
		return ""
	}
	return " If memory goes on growing as it does, this pod is the first to die (" + string(Killers[f.Killer]) + ")."
}
