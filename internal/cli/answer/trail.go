package answer

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/forensics"
)

// mostPods is how many pods that show a death a Trail keeps.
const mostPods = 20_000

// Trail is what is left of deaths: the Pods that show one, Events, the nodes, and what the operator has published of
// kills. Objects may come in any order. The zero value is empty.
type Trail struct {
	pods   []sighting
	events []forensics.Event
	nodes  map[string]*corev1.Node
	kills  []v1alpha1.Kill
	// Omitted counts the Pods that show a death and were not kept.
	Omitted int
}

type sighting struct {
	pod      *corev1.Pod
	workload string
}

// Pod keeps the Pod if it shows the end of a pod or a container. The Trail keeps a copy of what it needs.
func (t *Trail) Pod(p *corev1.Pod) {
	if deaths, _ := forensics.Deaths(p, false); len(deaths) == 0 {
		return
	}
	if len(t.pods) >= mostPods {
		t.Omitted++
		return
	}
	own := p.DeepCopy()
	own.ManagedFields = nil
	workload := ""
	if w := extract.WorkloadOf(own); w.Name != "" {
		workload = w.Kind + "/" + w.Name
	}
	t.pods = append(t.pods, sighting{own, workload})
}

// CoreEvent keeps what matters of an Event.
func (t *Trail) CoreEvent(e *corev1.Event) { t.events = append(t.events, forensics.CoreEvent(e)) }

// Node keeps a node.
func (t *Trail) Node(n *corev1.Node) {
	if t.nodes == nil {
		t.nodes = map[string]*corev1.Node{}
	}
	t.nodes[n.Name] = n.DeepCopy()
}

// Order keeps what a NodeKillOrder says of kills.
func (t *Trail) Order(o *v1alpha1.NodeKillOrder) { t.kills = append(t.kills, o.Status.Kills...) }

// Records judges all deaths, the latest first.
func (t *Trail) Records() []forensics.Record {
	since := forensics.EventsSince(t.events)
	ofPod, ofNode := map[string][]forensics.Event{}, map[string][]forensics.Event{}
	for _, e := range t.events {
		if e.Kind == "Node" {
			ofNode[e.Name] = append(ofNode[e.Name], e)
		} else {
			ofPod[e.UID] = append(ofPod[e.UID], e)
		}
	}
	died := map[string][]forensics.Death{}
	for _, s := range t.pods {
		deaths, _ := forensics.Deaths(s.pod, false)
		died[s.pod.Spec.NodeName] = append(died[s.pod.Spec.NodeName], deaths...)
	}
	around := func(node, uid, workload string) forensics.Surroundings {
		return forensics.Surroundings{
			Node: t.node(node, ofNode[node]), PodEvents: ofPod[uid], NodeEvents: ofNode[node], EventsSince: since,
			Neighbours: died[node], Workload: workload,
		}
	}
	var records []forensics.Record
	seen := map[string]bool{}
	for _, s := range t.pods {
		uid := string(s.pod.UID)
		seen[uid] = true
		judged, _ := forensics.Judge(s.pod, false, around(s.pod.Spec.NodeName, uid, s.workload))
		records = append(records, judged...)
	}
	for _, e := range t.events {
		if d, ok := forensics.FromEvent(e); ok && !seen[d.UID] {
			seen[d.UID] = true
			records = append(records, forensics.Classify(d, around(d.Victim.Node, d.UID, "")))
		}
	}
	slices.SortStableFunc(records, latestFirst)
	return records
}

func latestFirst(a, b forensics.Record) int {
	return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod),
		cmp.Compare(a.Container, b.Container), cmp.Compare(a.ContainerID, b.ContainerID))
}

// node is what is known of a node, if only by its Events.
func (t *Trail) node(name string, events []forensics.Event) forensics.Node {
	o := t.nodes[name]
	if o == nil {
		o = &corev1.Node{}
		o.Name = name
	}
	return forensics.NodeOf(o, events, nil)
}

// lives reports whether the pod's object shows that the pod goes on.
func (t *Trail) lives(uid string) bool {
	return slices.ContainsFunc(t.pods, func(s sighting) bool {
		return string(s.pod.UID) == uid && s.pod.DeletionTimestamp == nil && extract.Candidate(s.pod)
	})
}

// published returns what the operator said of the kill, nil if nothing. An entry without a container is about the pod as
// a whole, one without a container's ID about any of the container's.
func (t *Trail) published(r *forensics.Record) *v1alpha1.Kill {
	for i := range t.kills {
		k := &t.kills[i]
		same := string(k.UID) == r.UID && k.Container == r.Container
		if same && (k.ContainerID == "" || r.ContainerID == "" || strings.HasPrefix(facts.BareID(r.ContainerID), k.ContainerID)) {
			return k
		}
	}
	return nil
}
