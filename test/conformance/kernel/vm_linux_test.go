package kernel

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/test/machine"
)

var (
	onVM  = flag.Bool("vm", false, "play scenes in virtual machines, in place of the scenarios that this machine can play")
	boots = flag.String("boots", "6.12/2,6.1/2,6.1/1,6.12/1", "kernels of Debian's and versions of cgroups, of the virtual machines")
)

// contestNumbers is where the numbers of scenes against wrong rules begin.
const contestNumbers = 1_000_000

// TestVirtualMachines plays scenes that take a machine of their own, as root of that machine may do all that root may do:
// scores below 0, memory.oom.group, swap, huge pages, and a node without any memory left.
func TestVirtualMachines(t *testing.T) {
	if !*onVM {
		t.Skip("this judge takes virtual machines: make conformance-kernel-vm, which sets -vm, runs it")
	}
	if why := machine.Obstacle(); why != "" {
		t.Skipf("the kernel is not judged in virtual machines here: %s", why)
	}
	// Interrupted, it still says what it found.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	t.Cleanup(stop)
	for _, b := range wantedBoots(t) {
		t.Run(b.String(), func(t *testing.T) {
			if err := b.download(ctx); err != nil {
				t.Skipf("%s is not judged: Debian's packages cannot be had: %v", b, err)
			}
			why, err := b.obstacle()
			if err != nil {
				t.Fatal(err)
			}
			if why != "" {
				t.Skipf("%s is not judged: Debian's kernel %s", b, why)
			}
			t.Parallel()
			b.dir = kept("machines", fmt.Sprintf("%s-v%d", b.series, b.version))
			if err := os.MkdirAll(b.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			j := &machineJudge{boot: b}
			found.machines = append(found.machines, j) // subtests begin one after another
			j.run(ctx, t)
		})
	}
}

func wantedBoots(t *testing.T) (all []*boot) {
	t.Helper()
	for one := range strings.SplitSeq(*boots, ",") {
		series, version, _ := strings.Cut(one, "/")
		number, err := strconv.Atoi(version)
		if err != nil || number < 1 || number > 2 || series == "" {
			t.Fatalf("-boots %q: want KERNEL/VERSION, as 6.12/2", one)
		}
		all = append(all, &boot{series: series, version: number})
	}
	return all
}

// download gets Debian's packages; they are kept beside what else is built.
func (b *boot) download(ctx context.Context) (err error) {
	b.packages, err = machine.Download(ctx, kept("packages", b.series), b.series, "busybox-static")
	return err
}

// kept is a folder that stays after a run: Debian's packages, and the console of each machine.
func kept(name ...string) string {
	return filepath.Join(append([]string{"..", "..", "..", "bin", "vm"}, name...)...)
}

// machineJudge judges one machine.
type machineJudge struct {
	*boot
	*running
	kinds []*kindTally
	// refuted counts the kills that each wrong rule cannot explain, kills all that were seen.
	refuted map[string]int
	kills   int
}

// run plays all scenes.
func (j *machineJudge) run(ctx context.Context, t *testing.T) {
	var err error
	if j.running, err = j.start(ctx); err != nil {
		t.Fatal(err)
	}
	j.refuted = map[string]int{}
	failures := 0
	for number := range uint64(*scenarios) {
		k := j.kindOf(number)
		if *only >= 0 && number != uint64(*only) {
			continue
		}
		if !j.judge(t, k.drawScene(*seed, number, j.room)) {
			failures++
		}
		if failures == tolerated || ctx.Err() != nil {
			t.Fatalf("gave up after %d failures: %v", failures, ctx.Err())
		}
	}
	if *only < 0 || *only >= contestNumbers {
		j.contest(t)
	}
	if err := j.stop(); err != nil {
		t.Error(err)
	}
}

// kindOf the scene of that number: in turns, among those that the version of cgroups allows.
func (j *machineJudge) kindOf(number uint64) *kind {
	var all []*kind
	for i := range sceneKinds {
		if sceneKinds[i].onVersion(j.version) {
			all = append(all, &sceneKinds[i])
		}
	}
	return all[number%uint64(len(all))]
}

// contest plays scenes against each wrong rule until the kernel has refuted it.
func (j *machineJudge) contest(t *testing.T) {
	for i := range wrongRules {
		r := &wrongRules[i]
		var kinds []string
		for _, name := range r.kinds {
			if kindNamed(name).onVersion(j.version) {
				kinds = append(kinds, name)
			}
		}
		if len(kinds) == 0 {
			continue // needs cgroup v2
		}
		want := max(1, *scenarios/40)
		for repeat := range 3 * want { // a scene may come otherwise than planned
			if j.refuted[r.name] >= want {
				break // by the other scenes, for one
			}
			number := contestNumbers + uint64(i)*1000 + uint64(repeat)
			if *only >= 0 && number != uint64(*only) {
				continue
			}
			s, err := r.drawAgainst(kinds[repeat%len(kinds)], *seed, number, j.room)
			if err != nil {
				t.Error(err)
				break
			}
			if !j.judge(t, s) {
				break
			}
		}
		if *only < 0 && j.refuted[r.name] == 0 {
			t.Errorf("%s: no scene refutes %q", j.boot, r.name)
		}
	}
}

// judge plays one scene, and compares each kill with the engine. It reports whether the engine, and the machine, did well.
func (j *machineJudge) judge(t *testing.T, s *scene) bool {
	t.Helper()
	tally := j.tallyOf(s.Kind)
	tally.scenes++
	if s.All {
		tally.toLast++
	}
	began := time.Now()
	seen, err := j.play(s)
	t.Logf("%s %d: %d kills in %.0f s", s.Kind, s.Number, len(seen), time.Since(began).Seconds())
	if err != nil {
		t.Errorf("%s: %v\n%v", j.boot, err, s)
		return false
	}
	whole := true
	for i := range seen {
		o := &seen[i]
		if err := j.compare(s, o, tally, i == 0); err != nil {
			t.Errorf("%s: kill %d: %v\n%v\n%s", j.boot, i+1, err, s, describeSeen(s, o))
			return false
		}
		whole = whole && len(o.Victims) > 0
	}
	if s.All && whole {
		tally.whole++
	}
	return true
}

// compare one kill with the engine's rule, with the kernel's own table, and with the wrong rules.
func (j *machineJudge) compare(s *scene, o *observation, tally *kindTally, first bool) error {
	if err := s.checkScope(o); err != nil {
		return err
	}
	all := o.candidates(s)
	weights, err := o.weights(s, all)
	if err != nil {
		return err
	}
	v := engineRule.judge(s, o, all, weights)
	tally.kill(s, o, all, &v)
	if v.wrong != "" {
		return fmt.Errorf("the engine is wrong: %s", v.wrong)
	}
	if err := tally.table(s, o, all); err != nil {
		return err
	}
	if first {
		if err := tally.scores(o); err != nil {
			return err
		}
	}
	j.kills++
	for i := range wrongRules {
		r := &wrongRules[i]
		if r.judge(s, o, all, r.measured(s, all, weights)).wrong != "" {
			j.refuted[r.name]++
		}
	}
	return nil
}

// measured weights of a wrong rule: the engine's, where only who dies together differs.
func (r *rule) measured(s *scene, all []candidate, engines []int64) []int64 {
	if r.weigh == nil {
		return engines
	}
	return r.weights(s, all)
}

// checkScope holds the scene against what the kernel says has run out. Of more than ten kills in five seconds the kernel
// says that of the first ten only.
func (s *scene) checkScope(o *observation) error {
	if s.Scope == scopeNode && o.Total != s.scale() {
		return fmt.Errorf("the node has %d bytes of memory and swap, and not %d", o.Total, s.scale())
	}
	if o.Constraint == "" {
		return nil
	}
	const ofNode, ofGroup = "CONSTRAINT_NONE", "CONSTRAINT_MEMCG"
	want, ending := ofGroup, map[scope]string{
		scopePods: "/node-" + strconv.FormatUint(s.Number, 10), scopePod: "/" + s.Pods[0].Name,
		scopeContainer: "/" + s.Pods[0].Containers[0].Name,
	}[s.Scope]
	if s.Scope == scopeNode {
		want = ofNode
	}
	if o.Constraint != want || !strings.HasSuffix(o.Ran, ending) {
		return fmt.Errorf("%s was to run out, and the kernel says constraint=%s oom_memcg=%s", s.Scope, o.Constraint, o.Ran)
	}
	return nil
}

// table repeats the kernel's choice from its own figures, without any margin: oom.Badness alone is judged.
func (k *kindTally) table(s *scene, o *observation, all []candidate) error {
	victim, there := o.Table[o.Victims[0]]
	if !there {
		return nil
	}
	k.tables++
	most := oom.Badness(victim.Sum, victim.Adj, s.scale())
	for i := range all {
		row, there := o.Table[all[i].process]
		if !there {
			continue
		}
		if row.Adj != all[i].adj {
			return fmt.Errorf("%s has oom_score_adj %d, not %d", s.nameOf(&all[i]), row.Adj, all[i].adj)
		}
		if b := oom.Badness(row.Sum, row.Adj, s.scale()); b > most {
			return fmt.Errorf("by the kernel's own table %s (badness %d) comes before the victim (%d)", s.nameOf(&all[i]), b, most)
		}
		k.drift = max(k.drift, row.Sum-all[i].sum, all[i].sum-row.Sum)
	}
	k.agreeing++
	return nil
}

// scores compares /proc/PID/oom_score with the engine's Score, give or take the rounding of counters that move between
// two reads.
func (k *kindTally) scores(o *observation) error {
	for _, p := range slices.Concat(o.Processes, o.Daemons) {
		k.scored++
		switch ours := oom.Score(p.sum(), p.Adj, o.Total); ours - p.Score {
		case 0:
			k.equal++
		case 1, -1:
			k.offByOne++
		default:
			return fmt.Errorf("oom_score of %d bytes with adj %d on %d bytes: the kernel says %d, the engine %d",
				p.sum(), p.Adj, o.Total, p.Score, ours)
		}
	}
	return nil
}
