package compare

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// table has a line for each minute, and for each time that the operator was judged.
type table struct {
	out   io.Writer
	mu    sync.Mutex
	rows  []string
	notes []string
}

const soakHeader = "| time | leads | goroutines | heap | files | orders | versions | transitions | Events | excused | unseen | |"

// note what happened, for the next line.
func (t *table) note(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, what)
}

// lines adds a line now and then, until the context ends.
func (s *soak) lines(ctx context.Context) {
	for pause(ctx, s.Every) == nil {
		_ = s.line(ctx)
	}
}

// line adds a line to the table.
func (s *soak) line(ctx context.Context) error {
	cells := []string{s.elapsed(), "nobody", "", "", ""}
	if leader, err := s.leaderNow(ctx); err == nil {
		if v, err := leader.vitals(ctx); err == nil {
			cells = []string{s.elapsed(), leader.name, fmt.Sprint(v.goroutines), tenths(v.heap), fmt.Sprint(v.files)}
		}
	}
	n, _ := s.ledger.compare()
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	for _, count := range []int{n.orders, n.versions, n.transitions, n.events, n.excused, n.unseen} {
		cells = append(cells, fmt.Sprint(count))
	}
	row := "| " + strings.Join(append(cells, strings.Join(s.table.notes, "; ")), " | ") + " |"
	s.table.rows, s.table.notes = append(s.table.rows, row), nil
	fmt.Fprintln(s.table.out, row)
	return ctx.Err()
}

// print the whole table.
func (t *table) print(to io.Writer, s *soak) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(to, "\n%s\n%s\n%s\n", soakHeader, strings.Repeat("|---", strings.Count(soakHeader, "|")-1)+"|", strings.Join(t.rows, "\n"))
	c := s.churn
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(to, "\n%d nodes with %d pods each, seed %d, %s: %d pods were replaced, %d became critical or ceased to be, %d nodes went,"+
		" %d came back; killorder %s, Kubernetes %s\n", s.SoakOptions.Nodes, soakPods, s.bench.Seed, time.Now().UTC().Format(time.DateOnly),
		c.count.replaced, c.count.flipped, c.count.gone, c.count.back, s.Versions.Killorder, s.Versions.Kubernetes)
}
