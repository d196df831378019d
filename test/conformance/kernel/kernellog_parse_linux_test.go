package kernel

import (
	"reflect"
	"testing"
)

func TestParseKernelLog(t *testing.T) {
	ours := map[int]bool{14452: true, 14409: true}
	header := "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name"
	older := "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"
	rows := map[int]taskRow{
		14452: {memoryOf{rss: 230578 * pageSize, pageTables: 1933312, swap: 2 * pageSize}, 990},
		14409: {memoryOf{rss: 64224 * pageSize, pageTables: 593920}, -997},
	}
	killed := "Memory cgroup out of memory: Killed process 14452 (memhog) total-vm:2148816kB, anon-rss:922240kB"
	for name, c := range map[string]struct {
		messages []string
		want     logged
	}{
		"a table and a kill": {
			[]string{
				"Tasks state (memory values in pages):", header,
				"[   5543]     0  5543   306802      511      128      383         0    90112        0             0 pause",
				"[  14452]     0 14452   537204   230578   230560       18         0  1933312        2           990 memhog",
				"[  14409]     0 14409   370804    64224    64160       64         0   593920        0          -997 memhog",
				"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/pods,task_memcg=/pods/a,task=memhog,pid=14452,uid=0", killed,
			},
			logged{killed: []int{14452}, constraint: "CONSTRAINT_MEMCG", ran: "/pods", table: rows},
		},
		"an older kernel": {
			[]string{
				older,
				"[  14452]     0 14452   537204   230578  1933312        2           990 memhog",
				"[  14409]     0 14409   370804    64224   593920        0          -997 memhog",
				killed,
			},
			logged{killed: []int{14452}, table: rows},
		},
		"no table": {[]string{killed}, logged{killed: []int{14452}, table: map[int]taskRow{}}},
		"others' kill": {
			[]string{"Out of memory: Killed process 77 (java) total-vm:1kB", "some driver: [x] hello"},
			logged{table: map[int]taskRow{}},
		},
		"a table cut short": {[]string{header, "[  14452]     0 14452"}, logged{table: map[int]taskRow{}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parseKernelLog(c.messages, ours); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
