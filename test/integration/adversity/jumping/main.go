// Command jumping is the operator with a clock that jumps: SIGUSR1 puts the clock an hour ahead, SIGUSR2 an hour back.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/killorder/killorder/internal/app"
	"github.com/killorder/killorder/internal/options"
)

func main() {
	o := &options.Options{}
	o.Bind(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New())
	jumps := &clock{}
	jumps.mustJump()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range signals {
			hours := int64(1)
			if s == syscall.SIGUSR2 {
				hours = -1
			}
			fmt.Fprintf(os.Stderr, "the clock jumps to %s\n", jumps.jump(time.Duration(hours)*time.Hour))
		}
	}()
	config, err := ctrl.GetConfig()
	if err == nil {
		err = app.Run(ctrl.SetupSignalHandler(), config, o, jumps)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// clock is the machine's, some seconds off.
type clock struct{ off atomic.Int64 }

func (c *clock) jump(by time.Duration) string {
	c.off.Add(int64(by / time.Second))
	return c.Now().Format(time.RFC3339)
}

// Now is what time.Now returns on a machine whose wall clock was set to another time: the wall clock jumps, and the
// monotonic clock, by which Go measures how long something took, does not. The only way to such a Time is its
// representation: while a Time has a monotonic reading, the upper 33 bits below the sign bit of its first word are seconds.
func (c *clock) Now() time.Time {
	t := time.Now()
	*(*uint64)(unsafe.Pointer(&t)) += uint64(c.off.Load()) << 30
	return t
}

// Since is how long ago a time was.
func (c *clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// mustJump panics if a Time is not represented as Now believes.
func (*clock) mustJump() {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		c := &clock{}
		before := time.Now()
		c.jump(by)
		after := c.Now()
		if elapsed := after.Sub(before); elapsed < 0 || elapsed > time.Minute {
			panic("the monotonic clock jumps too")
		}
		if wall := after.Round(0).Sub(before.Round(0)); (wall - by).Abs() > time.Minute {
			panic("the wall clock does not jump")
		}
	}
}
