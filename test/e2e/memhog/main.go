// Command memhog holds memory: the pods of the e2e suite. Installed as /memhog; as /pause it only waits.
// Each SIGUSR1 makes it hold a step more; SIGUSR2 makes it end by itself,
// once its child is gone, if it has one.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
)

const mebibyte = 1 << 20

// given is the exit status after SIGUSR2: the program chose it, so it cannot be mistaken for the status of a killed process.
const given = 3

func main() {
	stop, more := make(chan os.Signal, 1), make(chan os.Signal, 1000)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	ignoreTerm := false
	if filepath.Base(os.Args[0]) != "pause" {
		held := flag.Int("mib", 0, "MiB to hold from the start")
		step := flag.Int("step", 10, "MiB more with each SIGUSR1")
		child := flag.Int("child-mib", 0, "MiB for a child process to hold, which this process outlives")
		failing := flag.Bool("fail", false, "end at once with status 1, as a probe that fails")
		// If the process of an evicted pod ends by itself, the pod counts as succeeded. The processes of real evicted pods
		// are killed, so memhog goes on after SIGTERM.
		flag.BoolVar(&ignoreTerm, "ignore-term", true, "go on after SIGTERM")
		flag.Parse()
		if *failing {
			os.Exit(1)
		}
		signal.Notify(more, syscall.SIGUSR1, syscall.SIGUSR2)
		hold(*held)
		outlived := make(chan struct{})
		if *child > 0 {
			spareThreads()
			go outlive(*child, outlived)
		} else {
			close(outlived)
		}
		go func() {
			for s := range more {
				if s == syscall.SIGUSR2 {
					<-outlived
					os.Exit(given)
				}
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

// outlive starts a process that holds memory, says in the log how that process ended, and closes outlived.
func outlive(mib int, outlived chan<- struct{}) {
	child := exec.Command("/proc/self/exe", "-mib="+strconv.Itoa(mib))
	fmt.Fprintln(os.Stderr, "memhog: the child ended:", child.Run())
	close(outlived)
}

// spareThreads makes threads that Go's runtime keeps for later: while the child has taken all memory, the kernel may refuse
// a new thread, and the runtime ends a process that gets none.
func spareThreads() {
	var made, ended sync.WaitGroup
	enough := make(chan struct{})
	for range 8 {
		made.Add(1)
		ended.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread() // a thread that is still locked would end with its goroutine
			made.Done()
			<-enough
		})
	}
	made.Wait()
	close(enough)
	ended.Wait()
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
