// Package status decides what a NodeKillOrder should say, and whether that is worth a write. The package is pure: it reads no
// clock, calls no API server and writes nothing. Facts, and what was published before, go in; a status, a plan and Events come out.
//
//   - Judge takes a node's facts to a verdict and a status, for the operator and the plugin alike. With a History, Judge settles the
//     verdict first: a published figure, place or name changes only when the change is more than noise, because readings are noisy
//     and writes are dear.
//   - PlanWrite and Awaits decide whether the status is written now, later, or not at all.
//   - Events and KillEvent say which Events a published status calls for.
//   - RollUp sums the nodes up for the KillOrderPolicy. KillCounts counts kills, and Compare scores predictions.
//
// Who decides: this package, for everything above. Package engine decides who dies first, package audit which findings there are.
//
// Who writes: package publish.
//
// Who remembers: a History, for the judgements of one node. Its owner keeps the History and hands it in. The other memories of the
// operator are elsewhere: nodekillorder.state (the version that was written), kills.Book (kills), podcache (pods, and the requests
// with which their containers started), usage.Store (readings), and kubelet.Source (kubelets).
package status
