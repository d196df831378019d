// Package scale measures the kubelet source on as many nodes as there may be, each answered for by a simulated kubelet.
// The command in cmd/scale measures the whole operator beside kube-state-metrics on one cluster. See docs/scale.md.
package scale
