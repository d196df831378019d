package kinds

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Move is a value before and after a change.
type Move[T any] struct {
	Before T `json:"before"`
	After  T `json:"after"`
}

// WhatIf says what a change would do on the nodes that it touches.
type WhatIf struct {
	metav1.TypeMeta `json:",inline"`

	// Answer is one sentence.
	Answer string `json:"answer"`
	// Changes are the settings that differ: "shop/payments-api requests.memory 0 -> 256Mi".
	Changes []string `json:"changes"`
	// NotKnown says what no one can tell beforehand.
	NotKnown []string `json:"notKnown"`
	// Pods are those changed. Worse are other pods that come among the first riskRank of an order, critical ones first.
	Pods  []PodMove `json:"pods"`
	Worse []PodMove `json:"worse,omitempty"`

	FirstEvicted   []FirstMove  `json:"firstEvicted"`
	FirstOOMKilled []FirstMove  `json:"firstOOMKilled"`
	FirstAtLimit   []FirstMove  `json:"firstAtLimit"`
	Findings       FindingsMove `json:"findings"`
	// Command makes the change; absent where kubectl cannot make it with one command, such as one of usage.
	Command string `json:"command,omitempty"`
}

// PodMove is what becomes of a pod. Ranks are from 1; 0 is none.
type PodMove struct {
	Node         string       `json:"node"`
	Namespace    string       `json:"namespace"`
	Pod          string       `json:"pod"`
	Critical     bool         `json:"critical,omitempty"`
	EvictionRank Move[int]    `json:"evictionRank"`
	OOMRank      Move[int]    `json:"oomRank"`
	QOSClass     Move[string] `json:"qosClass"`
	// Fits: the scheduler's sum of requests on the node is not above its allocatable, this pod's among them.
	Fits bool `json:"fits"`
}

// FirstMove is the first victim of a killer on a node, as NAMESPACE/NAME; "" is nobody.
type FirstMove struct {
	Node   string `json:"node"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// FindingsMove are the findings that a change ends, and those that it brings.
type FindingsMove struct {
	Gone []Finding `json:"gone"`
	New  []Finding `json:"new"`
}

// Finding is a misconfiguration of a pod, or of a node where Pod is absent.
type Finding struct {
	Rule      string `json:"rule"`
	Severity  string `json:"severity"`
	Node      string `json:"node"`
	Namespace string `json:"namespace,omitempty"`
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	Message   string `json:"message,omitempty"`
	Fix       string `json:"fix,omitempty"`
}
