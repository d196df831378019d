package snapshot

import (
	"bytes"
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// list is what is known of a List while its items are read. kubectl and oc write the kind behind the items.
type list struct {
	metav1.TypeMeta
	// bare arrays never say what their items are.
	bare bool
	// has items, of which so many have been read.
	has   bool
	items int
	// pending items name no kind, and the list has not named one yet.
	pending []pendingItem
}

type pendingItem struct {
	at  location
	raw []byte
}

const kindList = "List"

// learn takes a field of the list.
func (l *list) learn(name string, value []byte) {
	var into *string
	switch name {
	case `"kind"`:
		into = &l.Kind
	case `"apiVersion"`:
		into = &l.APIVersion
	default:
		return
	}
	_ = json.Unmarshal(value, into) // a kind that is no string is found when the object is decoded
}

// open reports whether items of the object may be items of a List, by what the object has said so far.
func (l *list) open() bool { return l.Kind == "" || strings.HasSuffix(l.Kind, kindList) }

// listed is the kind of the items that name none themselves; empty where the list has not named one.
func (l *list) listed() metav1.TypeMeta {
	kind, ok := strings.CutSuffix(l.Kind, kindList)
	if !ok || kind == "" || l.APIVersion == "" {
		return metav1.TypeMeta{}
	}
	return metav1.TypeMeta{APIVersion: l.APIVersion, Kind: kind}
}

// complete reports whether the list has said what it is.
func (l *list) complete() bool { return l.Kind != "" && l.APIVersion != "" }

// mayTell reports whether the list may still say what its items are.
func (l *list) mayTell() bool { return l != nil && !l.bare && !l.complete() }

// wait keeps an item until the list says what it is.
func (l *list) wait(at location, raw []byte) {
	l.pending = append(l.pending, pendingItem{at, bytes.Clone(raw)})
}

// flush takes the items that waited.
func (c *collector) flush(l *list) error {
	listed := l.listed()
	for i := range l.pending {
		p := &l.pending[i]
		if err := c.settle(p.at.file, c.take(p.at, p.raw, listed, &list{}, nil)); err != nil {
			return err
		}
		p.raw = nil
	}
	l.pending = nil
	return nil
}

// isList reports whether the object says that it is a List.
func (l *list) isList() bool { return l.complete() && strings.HasSuffix(l.Kind, kindList) }
