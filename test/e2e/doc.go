// Package e2e judges the operator by a real node: its kubelet evicts, and this machine's kernel kills. See README.md.
package e2e
