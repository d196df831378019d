// Package nodekillorder keeps one NodeKillOrder per Node. One reconcile is one visit to a node, in four steps:
//
//  1. gather: package extract turns the Node, its pods and their readings into facts.
//  2. decide: package status judges the facts, and says what the order should say and whether that is worth a write.
//  3. write: publish.Writer writes the status, once publish.Gate lets the node through.
//  4. emit: publish.Writer creates the Events that the published status calls for.
//
// Who decides: package status alone. This package compares no figures and chooses no victims.
//
// Who writes: publish.Writer alone. No other code creates, changes or deletes an object of the API server.
//
// Who remembers: state, one for each node. The state has the version of the order that was last written or read, the names of the
// Events created, and a status.History, in which package status keeps what the next judgement compares with. The operator may lose
// all states: they save requests, and keep figures from moving by noise. Kills are remembered by kills.Book, which this package
// tells what is published and asks what to publish.
package nodekillorder
