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
// Who writes: package nodekillorder publishes the kills: it asks Book.Found what to publish, and tells the book what was published
// by Book.SetPublished. Package policy publishes the counts (Book.Load, Book.RollUp).
//
// Who remembers: the Book, for this process. The NodeKillOrders and the KillOrderPolicy hold what a new process needs so that it
// counts and tells no kill twice.
package kills
