// Package scale measures the kubelet source on as many nodes as there may be, each answered for by a simulated kubelet.
// See docs/scale.md.
package scale
