package answer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/killorder/killorder/internal/facts"
)

// templated are the kinds whose pod template kubectl can change.
var templated = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "CronJob"}

// commandFor is the command that sets requests and limits; "", and why, if there is none.
func commandFor(p *facts.Pod, sets []set) (command, problem string) {
	kind, name := strings.ToLower(p.Workload.Kind), p.Workload.Name
	switch {
	case !safeToPaste(p, sets):
		return "", "its names are none that a command may hold"
	case p.Workload == (facts.Workload{}):
		return resize(p, sets)
	case !slices.Contains(templated, p.Workload.Kind):
		return "", fmt.Sprintf("set it where %s %s is defined: kubectl cannot change the template of its pods", p.Workload.Kind, name)
	case len(sets) == 1 && sets[0].container != "":
		limit := Unset
		if sets[0].limit > 0 {
			limit = sets[0].limit
		}
		return SetResources(p, sets[0].container, sets[0].request, limit), ""
	}
	template := object{"spec": object{"template": object{"spec": podSpec(sets)}}}
	if p.Workload.Kind == "CronJob" {
		template = object{"spec": object{"jobTemplate": template}}
	}
	return fmt.Sprintf("kubectl patch %s %s -n %s -p '%s'", kind, name, p.Namespace, template), ""
}

// Unset is a request or a limit that a command leaves as it is.
const Unset = int64(-1)

// SetResources is the command that sets the memory request and limit of one container of a pod's workload, in bytes; of all
// its containers where none is named.
func SetResources(p *facts.Pod, container string, request, limit int64) string {
	c := fmt.Sprintf("kubectl set resources %s %s -n %s", strings.ToLower(p.Workload.Kind), p.Workload.Name, p.Namespace)
	if container != "" {
		c += " -c " + container
	}
	if request != Unset {
		c += " --requests=memory=" + facts.Amount(request)
	}
	if limit != Unset {
		c += " --limits=memory=" + facts.Amount(limit)
	}
	return c
}

// resize is the command for a bare pod. The API server lets no resize change the QoS class, so a BestEffort pod has none.
func resize(p *facts.Pod, sets []set) (command, problem string) {
	switch {
	case p.QOS == facts.BestEffort:
		return "", "it is a bare pod without any request: it must be created anew, since no resize may change the QoS class"
	case sets[0].container == "":
		return "", "it is a bare pod with resources of its own: create it anew"
	}
	return fmt.Sprintf("kubectl patch pod %s -n %s --subresource resize -p '%s'", p.Name, p.Namespace, object{"spec": podSpec(sets)}),
		"oom_score_adj, which the kernel goes by, changes at the container's restart only"
}

// object is one of JSON, its fields in the order of their names.
type object map[string]any

func (o object) String() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // objects here hold texts and objects only
	}
	return string(text)
}

// podSpec sets requests and limits, as a strategic merge patch has them.
func podSpec(sets []set) object {
	spec := object{}
	for _, s := range sets {
		resources := object{"requests": object{"memory": facts.Amount(s.request)}}
		if s.limit > 0 {
			resources["limits"] = object{"memory": facts.Amount(s.limit)}
		}
		field := "containers"
		if s.init {
			field = "initContainers"
		}
		if s.container == "" {
			spec["resources"] = resources
			continue
		}
		list, _ := spec[field].([]object)
		spec[field] = append(list, object{"name": s.container, "resources": resources})
	}
	return spec
}

// safeToPaste reports whether no name can do anything in a shell.
func safeToPaste(p *facts.Pod, sets []set) bool {
	names := []string{p.Namespace, p.Name, p.Workload.Name}
	for _, s := range sets {
		names = append(names, s.container)
	}
	return FitForShell(names...)
}

// FitForShell reports whether no name can do anything in a shell: the names of Kubernetes' objects cannot, but owner
// references are whatever a tenant writes.
func FitForShell(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		return strings.HasPrefix(name, "-") || strings.ContainsFunc(name, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
		})
	})
}
