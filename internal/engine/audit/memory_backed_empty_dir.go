package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// memoryBackedEmptyDir: files in a memory-backed emptyDir count against the limit of the container that wrote them, are
// never reclaimed, and survive the container: it can be killed again and again with next to nothing resident.
func memoryBackedEmptyDir(c *audit, p *facts.PodState) {
	if !p.Production || p.Exempt || !c.v.Node.Linux {
		return
	}
	for i := range p.Containers {
		k := &p.Containers[i]
		limit := k.Limit
		if limit == 0 {
			limit = p.Limit
		}
		resident := residentIn(p, i)
		if !k.Lasting() || k.Tmpfs == 0 || limit == 0 || k.Tmpfs+resident < limit {
			continue
		}
		h := hit{pod: p, container: i, readings: [2]int64{filesIn(p, i)}, settings: [2]int64{limit, k.Tmpfs}}
		if filesIn(p, i) > limit/2 {
			c.foundAs(engine.Warning, &h)
		} else {
			c.found(&h)
		}
	}
}

// residentIn is the anonymous memory of a container, in bytes; 0 if it is not known.
func residentIn(p *facts.PodState, i int) int64 {
	if p.Usage == nil {
		return 0
	}
	return max(p.Usage[i].RSS, 0)
}

// filesIn is what a container uses beside its anonymous memory, in bytes: files in memory-backed volumes, and page cache;
// 0 if that is not known.
func filesIn(p *facts.PodState, i int) int64 {
	if p.Usage == nil || p.Usage[i].RSS == facts.Unknown || p.Usage[i].WorkingSet == facts.Unknown {
		return 0
	}
	return max(p.Usage[i].WorkingSet-p.Usage[i].RSS, 0)
}

func memoryBackedEmptyDirText(_ *audit, h *hit) text {
	limit, size := h.settings[0], h.settings[1]
	how := "without a sizeLimit"
	if size < facts.MaxBytes {
		how = "of " + facts.Amount(size)
	}
	message := fmt.Sprintf("Its memory-backed emptyDir %s can fill its limit of %s: files there count, stay, and survive restarts.",
		how, facts.Amount(limit))
	if files := h.readings[0]; files > limit/2 {
		message = fmt.Sprintf("%s of its limit of %s is not resident, "+
			"maybe files in a memory-backed emptyDir: those stay, even after a kill.",
			facts.Amount(files), facts.Amount(limit))
	}
	return text{message: message, fix: fmt.Sprintf("emptyDir.sizeLimit %s, or a limits.memory that holds both.",
		facts.Amount(max(limit/4/mi*mi, mi)))}
}
