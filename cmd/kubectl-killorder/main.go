// Command kubectl-killorder says who dies first when a node runs out of memory. On the PATH, kubectl runs it as
// "kubectl killorder".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/killorder/killorder/internal/cli"
)

// farewell is how long a command that was interrupted may take to tidy up: to take a line of progress off the terminal
// and a half-written file off the disk.
const farewell = 200 * time.Millisecond

func main() {
	paceGarbage()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() { done <- cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}) }()
	select {
	case status := <-done:
		os.Exit(status)
	case s := <-signals:
		cancel()
		select {
		case <-done:
		case <-signals:
		case <-time.After(farewell):
		}
		os.Exit(statusOf(s))
	}
}

// statusOf is the exit status of a program that a signal ended, as shells have it.
func statusOf(s os.Signal) int {
	number, _ := s.(syscall.Signal)
	return 128 + int(number)
}
