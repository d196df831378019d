// Package kills finds out which pods were killed for memory, and by which killer.
//
//   - Tracker hears of deaths: it watches the ends of pods, and Events takes the Events about them. Both run on every replica, so
//     that a new leader knows what happened before it led.
//   - Book remembers the kills of each node, from the first trace of a kill until the kill is published, counted and told.
//   - Teller, on the leader, counts the kills that are published, and has publish.Writer create an Event about each.
//
// Who decides: package forensics decides what ended a pod; the Book decides which kills are new, and which were counted or told by
// an earlier process.
//
// Who writes: publish.Writer alone. Package nodekillorder has it publish the kills: the package asks Book.Found what to publish, and
// tells the book what was published by Book.SetPublished. Package policy has it publish the counts (Book.Load, Book.RollUp). The Teller
// has it create Events.
//
// Who remembers, all in memory and bounded:
//   - Book, of each node: the kills that are not done, the keys of those that are, and the newest predictions. Of the cluster: the
//     counts. The NodeKillOrders and the KillOrderPolicy hold what a new process needs so that it counts and tells no kill twice.
//   - Book.past: the kills of each workload within a day, and the limits that fixes advised within 30 days. A new process finds again
//     the kills that pods and orders still show. The advice is lost: its Since begins anew, so a fix that kills just after a change
//     of the leader is not blamed.
//   - Tracker.ledger: the traces of deaths that may still be judged better. A new process hears them again from pods and Events.
//   - Tracker.omitted: how many deaths the ledger had no room for, up to what the metric has. A new process begins at 0.
package kills
