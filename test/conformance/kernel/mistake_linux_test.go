package kernel

import (
	"testing"
	"time"
)

// mistakeNumbers is where the numbers of scenarios against mistakes begin.
const mistakeNumbers = 2 * orderNumbers

// TestMistakes: where a wrong rule names somebody else, the kernel follows the engine.
func TestMistakes(t *testing.T) {
	g := onTestbed(t)
	for i, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			for repeat := range max(1, *scenarios/40) {
				number := mistakeNumbers + uint64(i)*orderNumbers + uint64(repeat)
				if *only >= 0 && number != uint64(*only) {
					continue
				}
				found.contested++
				if g.refute(t, m, number) {
					found.refuted++
				}
			}
		})
	}
}

// refute plays one scenario against a mistake until it came as planned. A gap finer than the margin may take
// several attempts: readings are not as exact, and only the kernel's table tells, of which there are ten in five
// seconds.
func (g *testbed) refute(t *testing.T, m mistake, number uint64) bool {
	t.Helper()
	s, right, wrong := drawAgainst(m, *seed, number)
	for range 10 {
		into := &tally{}
		n, done := g.play(t, s)
		if n == nil {
			done()
			return false
		}
		victim := n.judgePush(t, into)
		done()
		switch planned := victim == n.processes[right]; {
		case victim == nil:
			return false
		case planned && (m.gap >= drawMargin || into.tables > 0):
			return true
		case m.gap >= drawMargin:
			t.Errorf("%s should die and not %s, but %s did\n%v", n.nameOf(n.processes[right]), n.nameOf(n.processes[wrong]), n.nameOf(victim), s)
			return false
		}
		time.Sleep(time.Second)
	}
	t.Log("no attempt came as planned and with the kernel's table")
	return false
}
