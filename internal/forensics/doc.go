// Package forensics tells what ended a container or a pod, from what the API shows of the death: a memory killer
// (and which one, how sure that is, and what speaks for it), or something that only looks like one.
//
// The package has four parts. Deaths lists the deaths that one Pod object shows. Classify judges one death by its
// surroundings: Events, the node, neighbours' deaths, the last readings, the kernel's messages. Ledger does both over
// a watch: it is fed with Pods and Events in any order, keeps a bounded memory, and tells each death once and each
// better judgement of it once. Repeated, SameKiller and FixesThatKilled find what several kills say together.
//
// Nothing here reads a clock, a file or a cluster. Memory is int64 bytes. The rules follow the kubelet of Kubernetes
// v1.37.2 (pkg/kubelet: eviction, preemption, nodeshutdown, kuberuntime, status), containerd v2.4 and Linux 6.12.
package forensics
