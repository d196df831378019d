package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
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
	if isTerminal(w) {
		p.w = w
	}
	return p
}

// count replaces the line shown by a new count.
func (p *progress) count(what string, n int) {
	p.say(func() string { return fmt.Sprintf("%s: %d", what, n) })
}

func (p *progress) say(text func() string) {
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
	fmt.Fprintf(p.w, "\r\x1b[K%s ...", text())
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

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
