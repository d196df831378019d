package prometheus

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// dashboard is what the tests read of Grafana's format.
type dashboard struct {
	UID        string
	Title      string
	Panels     []panel
	Templating struct{ List []variable }
}

type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int } `json:"gridPos"`
	Datasource  *struct{ UID string }
	Targets     []target
	FieldConfig struct{ Defaults struct{ Unit string } } `json:"fieldConfig"`
}

type target struct{ Expr, RefID string }

type variable struct {
	Name, Type string
	Query      json.RawMessage
}

// query of a panel or variable.
type query struct{ panel, expr string }

func dashboardFile() (*dashboard, error) {
	text, err := os.ReadFile(configFile("grafana", "killorder.json"))
	if err != nil {
		return nil, err
	}
	d := &dashboard{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("killorder.json: %w", err)
	}
	return d, nil
}

// queries of all panels, with Grafana's variables filled in as for the node worker-1.
func (d *dashboard) queries() (all []query) {
	fill := strings.NewReplacer("$node", "worker-1", "$__rate_interval", "1m", "$__range", "1h", "$__interval", "1m")
	for i := range d.Panels {
		for _, t := range d.Panels[i].Targets {
			all = append(all, query{d.Panels[i].Title, fill.Replace(t.Expr)})
		}
	}
	return all
}

func TestDashboardIsWhole(t *testing.T) {
	d, err := dashboardFile()
	if err != nil {
		t.Fatal(err)
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	if !slices.Contains(variables, "node") || !slices.Contains(variables, "datasource") {
		t.Errorf("variables are %v: want datasource and node", variables)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for i := range d.Panels {
		p := &d.Panels[i]
		if p.Title == "" || ids[p.ID] {
			t.Errorf("panel %d %q: wants a title, and an id of its own", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q lies upon %q or outside", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Description == "" {
			t.Errorf("panel %q: wants queries, and a description that says how to read it", p.Title)
		}
		if p.Datasource == nil || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %q: datasource is not the variable", p.Title)
		}
		for _, target := range p.Targets {
			if strings.Contains(target.Expr, "_bytes") && !strings.HasPrefix(target.Expr, "count(") && p.Type != "table" && p.FieldConfig.Defaults.Unit != "bytes" &&
				p.FieldConfig.Defaults.Unit != "percentunit" {
				t.Errorf("panel %q: bytes shown as %q", p.Title, p.FieldConfig.Defaults.Unit)
			}
		}
	}
}
