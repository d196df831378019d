package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// historyFull is how old a process is when its histories of readings are full: ten minutes of them are kept.
const historyFull = 11 * time.Minute

// vitals are what a process holds.
type vitals struct {
	goroutines, files int
	// heap is what a garbage collection has left, in bytes.
	heap int64
	// passes over the readings so far.
	passes float64
	leads  bool
}

// over says what is more than a limit allows; nil if nothing is.
func (v vitals) over(limit vitals) error {
	var errs []error
	if v.goroutines > limit.goroutines {
		errs = append(errs, fmt.Errorf("%d goroutines, want at most %d", v.goroutines, limit.goroutines))
	}
	if v.files > limit.files {
		errs = append(errs, fmt.Errorf("%d open files and connections, want at most %d", v.files, limit.files))
	}
	if v.heap > limit.heap {
		errs = append(errs, fmt.Errorf("%s of heap, want at most %s", tenths(v.heap), tenths(limit.heap)))
	}
	return errors.Join(errs...)
}

// limit returns what a process may hold that held v before: ten goroutines and ten files more, which requests take that are under way.
// The heap may be larger by 15% and 4 MiB once the histories are full, by half and 4 MiB before.
func (v vitals) limit(full bool) vitals {
	percent := int64(150)
	if full {
		percent = 115
	}
	return vitals{goroutines: v.goroutines + 10, files: v.files + 10, heap: v.heap*percent/100 + 4<<20}
}

// least of each.
func (v vitals) least(w vitals) vitals {
	return vitals{goroutines: min(v.goroutines, w.goroutines), files: min(v.files, w.files), heap: min(v.heap, w.heap)}
}

// life is one process of the operator, from its start to its end.
type life struct {
	name  string
	began time.Time
	pid   int
	// page has the metrics of the process; ready answers when the process is ready.
	page, ready *page
	// first is what it held the first time that it led and nothing came or went; nil before.
	first *vitals
	// full: its histories were full then.
	full bool
	// judged is how often what it held was compared with that.
	judged int
}

// lives are the processes that run, by their names.
type lives struct {
	mu  sync.Mutex
	all map[string]*life
}

func (l *lives) begin(of *life) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]*life{}
	}
	l.all[of.name] = of
}

func (l *lives) end(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, name)
}

// get the process of a name that has begun.
func (l *lives) get(name string) *life {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[name]
}

// sorted by name.
func (l *lives) sorted() []*life {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.SortedFunc(maps.Values(l.all), func(a, b *life) int { return strings.Compare(a.name, b.name) })
}

// startLife starts a replica, and waits until it is ready. A replica that loses its lease meanwhile is started again as well.
func (s *soak) startLife(ctx context.Context, name string) error {
	metrics, err := freeAddress()
	if err != nil {
		return err
	}
	l := &life{name: name, began: time.Now(), page: newPage("https://"+metrics+"/metrics", s.token)}
	if l.ready, err = s.runReplica(name, metrics); err != nil {
		return err
	}
	if l.pid, err = s.cluster.PID(name); err != nil {
		return err
	}
	s.lives.begin(l)
	return s.until(ctx, name+" ready", func(ctx context.Context) error { return s.lives.get(name).ready.get(ctx, io.Discard) })
}

// attend starts each replica again that has ended because it lost its lease, as a kubelet does: a leader gives up when it cannot
// renew its lease, because the API server was killed. Any other end is an error, and so are more losses than replicas for each crash.
func (s *soak) attend(ctx context.Context) error {
	for _, l := range s.lives.sorted() {
		ended := s.cluster.EndedBeside(l.name)
		if ended == nil {
			continue
		}
		if !strings.Contains(ended.Error(), "leader election lost") {
			return ended
		}
		s.table.note(l.name + " lost its lease")
		if s.lost++; s.lost > len(replicas)*s.crashes {
			s.fail(fmt.Errorf("%s lost its lease: %d losses and %d crashes of the API server", l.name, s.lost, s.crashes))
		}
		s.ledger.killed(time.Now())
		s.lives.end(l.name)
		if err := s.cluster.StopBeside(l.name, true); err != nil {
			return err
		}
		if err := s.startLife(ctx, l.name); err != nil {
			return err
		}
	}
	return s.cluster.Ended()
}

// leads is the metric of a process that is 1 while the process leads.
const leads = "leader_election_master_status"

// vitals of a process.
func (l *life) vitals(ctx context.Context) (v vitals, err error) {
	var text bytes.Buffer
	if err := l.page.get(ctx, &text); err != nil {
		return v, err
	}
	read, err := samplesIn(&text, leads)
	if err != nil {
		return v, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", l.pid))
	return vitals{
		goroutines: int(read["go_goroutines"]), files: len(files), heap: read.liveHeap(),
		passes: read["killorder_usage_passes_total"], leads: read[leads+`{name="`+leaseName+`"}`] == 1,
	}, err
}

// leaderNow returns the process that leads, or an error if none says so.
func (s *soak) leaderNow(ctx context.Context) (*life, error) {
	var errs []error
	for _, l := range s.lives.sorted() {
		v, err := l.vitals(ctx)
		if err == nil && v.leads {
			return l, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("none of %d replicas says that it leads: %w", len(errs), errors.Join(errs...))
}

// leads waits for the process that leads.
func (s *soak) leads(ctx context.Context) (leader *life, err error) {
	return leader, s.until(ctx, "a leader", func(ctx context.Context) error {
		leader, err = s.leaderNow(ctx)
		return err
	})
}

// calm judges while nothing comes or goes: the orders, the Events, and what the leader holds.
func (s *soak) calm(ctx context.Context) error {
	if err := s.right(ctx); err != nil {
		return err
	}
	if err := s.told(ctx); err != nil {
		return err
	}
	leader, err := s.leads(ctx)
	if err != nil {
		return err
	}
	held, err := s.holds(ctx, leader)
	if err != nil {
		return err
	}
	full := time.Since(leader.began) >= historyFull
	if leader.first != nil {
		if err := s.judge(ctx, leader); err != nil {
			return err
		}
	}
	if leader.first == nil || full && !leader.full {
		leader.first, leader.full = &held, full
	}
	if err := s.told(ctx); err != nil { // what a new leader has created since then counts too
		return err
	}
	s.table.note("judged")
	return s.line(ctx)
}

// holds returns the least that a process holds in two passes: requests under way are no leak, and come and go.
func (s *soak) holds(ctx context.Context, l *life) (least vitals, err error) {
	from := -1.
	return least, s.until(ctx, "two passes of "+l.name, func(ctx context.Context) error {
		v, err := l.vitals(ctx)
		if err != nil {
			return err
		}
		if from < 0 {
			from, least = v.passes, v
		}
		if least = least.least(v); v.passes < from+2 {
			return fmt.Errorf("%v passes since the first look", v.passes-from)
		}
		return nil
	})
}

// judge waits until a process holds no more than it did first.
func (s *soak) judge(ctx context.Context, l *life) error {
	limit, over := l.first.limit(l.full), error(nil)
	err := s.until(ctx, "what "+l.name+" holds", func(ctx context.Context) error {
		var v vitals
		if v, over = l.vitals(ctx); over == nil {
			over = v.over(limit)
		}
		return over
	})
	l.judged++
	if over != nil && err != nil {
		age := time.Since(l.began).Round(time.Second)
		s.fail(fmt.Errorf("%s, %s old, histories full when first judged: %t: %w", l.name, age, l.full, over))
		return ctx.Err()
	}
	return err
}

// told waits until Events are as many as transitions.
func (s *soak) told(ctx context.Context) error {
	var differences []string
	err := s.until(ctx, "an Event for each transition", func(context.Context) error {
		if _, differences = s.ledger.compare(); len(differences) > 0 {
			return errors.New(differences[0])
		}
		return nil
	})
	if err != nil && len(differences) > 0 {
		for _, d := range differences[:min(len(differences), 10)] {
			s.fail(errors.New(d))
		}
		return ctx.Err()
	}
	return err
}

// tenths of a MiB.
func tenths(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
