package compare

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/killorder/killorder/test/cluster/scenario"
)

//go:embed scenario.yaml
var scenarioText string

// Pods of a node that are not of the class that grows with their number, and the most that a kubelet takes by default.
const (
	fixedPods = 20
	maxPods   = 110
)

// model of so many nodes with so many pods in all, and the scenario's text.
func model(nodes, pods int) (m *scenario.Model, scenarioOf string, err error) {
	perNode := pods / max(nodes, 1)
	switch {
	case nodes < 1:
		return nil, "", fmt.Errorf("-nodes %d: want at least 1", nodes)
	case perNode*nodes != pods || perNode <= fixedPods || perNode > maxPods:
		return nil, "", fmt.Errorf("-pods %d: want a multiple of %d nodes, with %d to %d on each", pods, nodes, fixedPods+1, maxPods)
	}
	var text strings.Builder
	parsed, err := template.New("scenario").Parse(scenarioText)
	if err != nil {
		return nil, "", err
	}
	if err := parsed.Execute(&text, struct{ Nodes, Web int }{nodes, perNode - fixedPods}); err != nil {
		return nil, "", err
	}
	if m, err = scenario.Parse([]byte(text.String())); err == nil {
		m.Ran = time.Hour // the operator follows a pod closely until the pod has run for ten minutes
	}
	return m, text.String(), err
}
