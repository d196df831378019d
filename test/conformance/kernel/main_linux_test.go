package kernel

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

var (
	scenarios = flag.Int("scenarios", 200, "random scenarios; a quarter as many are killed to the last one")
	seed      = flag.Uint64("seed", uint64(time.Now().UnixNano()%1e9), "seed of the random scenarios")
	only      = flag.Int64("only", -1, "play only the scenario of this number")
)

// TestMain is the test, or one of the processes that it starts.
func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case roleStaged:
		os.Exit(stagedMain())
	case roleHog:
		os.Exit(hogMain())
	case roleJanitor:
		os.Exit(janitorMain())
	case roleDoomed:
		os.Exit(doomedMain())
	case roleGuest:
		guestMain()
	}
	code := m.Run()
	fmt.Print(&found)
	if opened != nil {
		if err := opened.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// onTestbed skips a test where the kernel cannot be judged.
func onTestbed(t *testing.T) *testbed {
	t.Helper()
	g, err := theTestbed()
	if why := (unfit{}); errors.As(err, &why) {
		found.skipped = why
		t.Skipf("the kernel is not judged here: %v", why)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// doomedMain plays a node and leaves it to the janitor: it panics when told to, and may be killed at any time.
func doomedMain() int {
	g, err := newTestbed()
	if err == nil {
		_, err = setUp(onPods(draw(1, 1)), g.stage, g.base)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ok")
	if line, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == nil && line != "" {
		panic("as told")
	}
	return 0
}
