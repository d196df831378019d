package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/killorder/killorder/internal/facts"
)

// memoryOf is what the kernel weighs of one process, in bytes, as /proc shows it.
type memoryOf struct {
	rss, pageTables, swap int64
	// program is the part of rss that files back: what the process has mapped of its own program.
	program int64
}

func (m memoryOf) sum() int64 { return m.rss + m.pageTables + m.swap }

// memory reads /proc/PID/status; errDied once the process has given its memory back.
func (p *process) memory() (m memoryOf, err error) {
	status, err := os.ReadFile(p.file("status"))
	if err != nil {
		return m, errDied
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		into := map[string]*int64{
			"VmRSS": &m.rss, "RssFile": &m.program, "VmPTE": &m.pageTables, "VmSwap": &m.swap,
		}[name]
		if into == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return m, fmt.Errorf("%s: %q", p.file("status"), line)
		}
		*into = kib << 10
	}
	if m.rss == 0 {
		return m, errDied
	}
	return m, nil
}

// weighed is what the kernel weighs of the process at this moment, in bytes. It differs from memory in how resident pages are
// counted: /proc/PID/stat has the counter that the kernel weighs, which leaves out what each CPU has not yet added, and
// /proc/PID/status adds that first (do_task_stat and task_mem in fs/proc, Linux 6.18).
func (p *process) weighed() (int64, error) {
	m, err := p.memory()
	if err != nil {
		return 0, err
	}
	stat, err := os.ReadFile(p.file("stat"))
	if err != nil {
		return 0, errDied
	}
	const rss = 24 - 3 // the 24th field; the second one, the name in parentheses, is cut off with the first
	_, fields, _ := strings.Cut(string(stat), ") ")
	pages, err := strconv.ParseInt(strings.Fields(fields)[rss], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.file("stat"), err)
	}
	return pages*pageSize + m.pageTables + m.swap, nil
}

// usage is the reading of one process as the engine takes it. Page tables count as resident: the kernel adds
// them, and there is no reading of them a container.
func (m memoryOf) usage() facts.ContainerUsage {
	return facts.ContainerUsage{WorkingSet: facts.Unknown, RSS: m.rss + m.pageTables, Swap: m.swap}
}

// usageOf is a container's reading as the kubelet's Summary API has it, which cAdvisor takes from its group:
// anonymous memory, swap, and all but the file pages that are easily dropped.
func usageOf(g *group) (u facts.ContainerUsage, err error) {
	total, err := g.usage()
	if err != nil {
		return u, err
	}
	inactive, err := g.stat("total_inactive_file", "inactive_file")
	if err != nil {
		return u, err
	}
	anonymous, err := g.stat("total_rss", "anon")
	if err != nil {
		return u, err
	}
	return facts.ContainerUsage{WorkingSet: max(total-inactive, 0), RSS: anonymous}, nil
}

// meminfo returns an entry of /proc/meminfo in bytes.
func meminfo(name string) (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == name+":" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no %s", name)
}
