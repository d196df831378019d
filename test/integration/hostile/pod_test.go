package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/killorder/killorder/test/integration/harness"
)

// shippedLimits of the operator's container, as config/manager has them.
func shippedLimits(ctx context.Context) corev1.ResourceList {
	GinkgoHelper()
	for _, o := range harness.Rendered(ctx, "config/manager") {
		if o.GetKind() != "Deployment" {
			continue
		}
		d := &appsv1.Deployment{}
		Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, d)).To(Succeed())
		return d.Spec.Template.Spec.Containers[0].Resources.Limits
	}
	Fail("config/manager has no Deployment")
	return nil
}

// pod is a control group in each of two hierarchies, which on cgroup v2 are one: what limits a Pod's container.
type pod struct {
	memory, cpu string
	v2          bool
}

// newPod makes the control groups of a container with these limits. It needs root.
func newPod(limits corev1.ResourceList) *pod {
	GinkgoHelper()
	name := fmt.Sprintf("killorder-hostile-%d", os.Getpid())
	p := &pod{memory: filepath.Join("/sys/fs/cgroup/memory", name), cpu: filepath.Join("/sys/fs/cgroup/cpu", name)}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		p.v2, p.memory = true, filepath.Join("/sys/fs/cgroup", name)
		p.cpu = p.memory
	}
	for _, dir := range []string{p.memory, p.cpu} {
		if err := os.Mkdir(dir, 0o755); !errors.Is(err, os.ErrExist) {
			Expect(err).NotTo(HaveOccurred(), "control groups need root")
		}
		DeferCleanup(func() { _ = os.Remove(dir) })
	}
	bytes, millicores := fmt.Sprint(limits.Memory().Value()), limits.Cpu().MilliValue()
	if p.v2 {
		p.write(p.memory, "memory.max", bytes)
		p.write(p.cpu, "cpu.max", fmt.Sprint(millicores*100, " ", 100_000))
		return p
	}
	p.write(p.memory, "memory.limit_in_bytes", bytes)
	p.write(p.cpu, "cpu.cfs_quota_us", fmt.Sprint(millicores*100))
	return p
}

func (p *pod) write(dir, file, value string) {
	GinkgoHelper()
	Expect(os.WriteFile(filepath.Join(dir, file), []byte(value), 0)).To(Succeed())
}

// wrapped is a program that runs another one in the pod, from its first instruction.
func (p *pod) wrapped(program string) string {
	GinkgoHelper()
	path := filepath.Join(GinkgoT().TempDir(), "in-pod")
	script := fmt.Sprintf("#!/bin/sh\necho $$ >%s/cgroup.procs && echo $$ >%s/cgroup.procs && exec %s \"$@\"\n", p.memory, p.cpu, program)
	Expect(os.WriteFile(path, []byte(script), 0o755)).To(Succeed())
	return path
}

// kills by the kernel in the pod, and the most memory it took, in MiB, the page cache included.
func (p *pod) kills() (kills, peakMiB int) {
	GinkgoHelper()
	events, peak := "memory.oom_control", "memory.max_usage_in_bytes"
	if p.v2 {
		events, peak = "memory.events", "memory.peak"
	}
	text, err := os.ReadFile(filepath.Join(p.memory, events))
	Expect(err).NotTo(HaveOccurred())
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			kills, err = strconv.Atoi(n)
			Expect(err).NotTo(HaveOccurred())
		}
	}
	text, err = os.ReadFile(filepath.Join(p.memory, peak))
	Expect(err).NotTo(HaveOccurred())
	most, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	Expect(err).NotTo(HaveOccurred())
	return kills, most >> 20
}
