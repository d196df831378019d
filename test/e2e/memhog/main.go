// Command memhog holds memory: the pods of the e2e suite. Installed as /memhog; as /pause it only waits.
// Each SIGUSR1 makes it hold a step more.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const mebibyte = 1 << 20

func main() {
	stop, more := make(chan os.Signal, 1), make(chan os.Signal, 1000)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	ignoreTerm := false
	if filepath.Base(os.Args[0]) != "pause" {
		held := flag.Int("mib", 0, "MiB to hold from the start")
		step := flag.Int("step", 10, "MiB more with each SIGUSR1")
		// An evicted process that ends by itself leaves a pod that succeeded; real ones are killed.
		flag.BoolVar(&ignoreTerm, "ignore-term", true, "go on after SIGTERM")
		flag.Parse()
		signal.Notify(more, syscall.SIGUSR1)
		hold(*held)
		go func() {
			for range more {
				hold(*step)
			}
		}()
	}
	for range stop {
		if !ignoreTerm {
			return
		}
	}
}

// hold maps memory and writes to each page, so that it is resident. It bypasses Go's heap: the collector would
// double what is asked for.
func hold(mib int) {
	if mib <= 0 {
		return
	}
	pages, err := syscall.Mmap(-1, 0, mib*mebibyte, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		fmt.Fprintln(os.Stderr, "memhog:", err)
		os.Exit(3)
	}
	for i := 0; i < len(pages); i += os.Getpagesize() {
		pages[i] = 1
	}
}
