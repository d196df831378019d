// Package scenario reads a scenario file and turns it into the nodes and pods
// of a simulated cluster.
//
// A file holds classes, not objects: one entry under nodes or pods stands for
// as many objects as its count, perNode and nodes say, so that 5,000 nodes of 30
// pods are a short file. Reading happens in three steps, each in a file of its
// own: decode (YAML to the structs of types.go, strictly), compile (strings to
// bytes and durations, with an error naming object and field), expand (classes
// to nodes and pods). Objects for the API server are built on demand from the
// expanded model, because 150,000 objects at the same time need too much memory.
package scenario
