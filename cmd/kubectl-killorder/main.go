// Command kubectl-killorder says who dies first when a node runs out of memory. On the PATH, kubectl runs it as
// "kubectl killorder".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/killorder/killorder/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(status)
}
