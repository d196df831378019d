// Package kubelet lets the kubelet's own code judge killorder: random nodes go through the real eviction manager
// and the real oom_score_adj policy on one side, through extract, engine and publish on the other, and must come
// out the same, to the last place and the last container. The sequence that simulate plays with the kubelet as the
// killer, on a node that never has enough memory, must be the judge's whole order too.
//
//	go test -v -count=1 -timeout 60m                            2,000 nodes against the newest minor
//	go test -v -count=1 -timeout 60m -minors 1.28,1.29,1.30,1.31,1.32,1.33,1.34,1.35,1.36,1.37
//	go test -v -count=1 -timeout 60m -nodes 20000 -seed 42      more, or the same again
//	go test -v -count=1 -seed 42 -node 17                       one of them alone
//
// The judge (module judge) is a program of its own, built once a version: its code calls only k8s.io/kubernetes,
// and nothing of it is linked here. It is given what the kubelet would know. Where the kubelet's view of a pod
// and the API server's differ (static pods, resources asked for and not yet allocated, stats), both are made
// from one description, and killorder is given only the API server's.
//
// Some pods are read once, as the plugin does; others are followed through the operator's own cache, from a watch on
// which they are resized: only who watches knows what a container was started with.
//
// What the API server would refuse is not put before the kubelet: every pod is first defaulted, validated and
// given its QoS class by the API server's own code of that version, or, for some, by what it was one minor before:
// clusters are upgraded with pods in them.
//
// A minor is added by a modfile judge/go.MINOR.mod, with k8s.io/kubernetes and its staging modules at that version. Where the
// shape of calls differs, files of the judge say so in their build constraint: kubernetes_1_34 is set for that minor alone,
// before_1_35 for all minors before that one.
package kubelet
