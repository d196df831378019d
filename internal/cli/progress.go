package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/cli/text"
)

const (
	// patience is how long nothing is said: most clusters are read by then.
	patience = time.Second
	// beat is the time between two lines of progress.
	beat = 100 * time.Millisecond
)

// progress says on a terminal how far reading has come; elsewhere it says nothing.
type progress struct {
	w     io.Writer
	mu    sync.Mutex
	next  time.Time
	shown bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{next: time.Now().Add(patience)}
	if table.IsTerminal(w) {
		p.w = w
	}
	return p
}

// say replaces the line shown by a new one.
func (p *progress) say(line func() string) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next, p.shown = now.Add(beat), true
	fmt.Fprintf(p.w, "\r\x1b[K%s ...", text.OneLine(line()))
}

// done takes the line away.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.w = nil
}
