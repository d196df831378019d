// Package kernel has tests only: the real OOM killer judges internal/engine/oom.
//
// A cgroup with a memory limit is the node, groups below it are pods and containers, and every process of a
// container is this test binary again, which maps and touches memory once it was placed. Then a trigger takes
// memory until the kernel kills. Wait statuses say who died, the kernel's log in which order.
//
// It needs root, Linux and the memory controller of cgroup v1 or v2, and says why where it skips. It makes
// groups of its own under the controller's root, named killorder-kernel-PID, and removes them whatever happens:
// a second process waits for the end of the first, also by SIGKILL.
//
//	go test ./test/conformance/kernel -count=1 -v                   # the quick set: 40 scenarios
//	go test ./test/conformance/kernel -count=1 -v -scenarios 200    # all, some 4 minutes on 2 cores
//	go test ./test/conformance/kernel -count=1 -v -seed 7 -only 17  # one of them again
//
// Without -v the closing lines, and why it skips, are not shown.
//
// A negative oom_score_adj takes CAP_SYS_RESOURCE. Without it each adj is played as (adj+1000)/2 on a node
// twice as large, whose other half is filled with memory that belongs to no process: the order is the same.
//
// With -vm the same program judges Debian's kernels 6.12 and 6.1 in virtual machines without KVM, where root may do all
// that root may do: scores below 0 as they are, memory.oom.group, swap on a disk with LimitedSwap's limits, huge pages,
// memory-backed volumes, and a node without any memory left. The program is the first process of each machine too
// (guest_linux_test.go): the test sends a scene as a line of JSON over a serial line, the guest plays the scene and answers
// each kill as a line. The engine, and wrong rules that each have to be refuted (rule_linux_test.go), are judged outside. It
// needs QEMU and Debian's apt; packages and consoles are kept in bin/vm.
//
//	make conformance-kernel-vm                                              # 200 scenes for each kernel and version of cgroups
//	make conformance-kernel-vm TESTFLAGS="-scenarios 18 -boots 6.12/2"      # one of each kind, on cgroup v2
//	make conformance-kernel-vm TESTFLAGS="-seed 7 -only 17 -boots 6.1/1"    # one of them again
package kernel
