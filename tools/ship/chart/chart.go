// Package chart writes charts/killorder: its templates are what kustomize makes of config/, with the places marked where
// values go. An edit that finds its place no more is an error, so the chart cannot fall behind config/ unseen.
package chart

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/killorder/killorder/tools/ship/objects"
)

const header = "{{- /* Made by `make generate` from config/. Change it there, or in tools/ship/chart. */ -}}\n"

// edit replaces a text that must stand in a template exactly once, or any number of times where all is set. $VERSION in
// it is the release's.
type edit struct {
	find, put string
	all       bool
}

// template of the chart: objects of one or more kinds in one file.
type template struct {
	folder string
	kinds  []string
	names  []string // of those kinds these only; none means all
	// when wraps each object in a condition; edits apply to the whole file.
	when  string
	edits []edit
}

// everywhere applies to every object. What config/ is labelled with says that kustomize manages it.
var everywhere = []edit{
	{"namespace: killorder-system", "namespace: {{ .Release.Namespace }}", true},
}

// Write makes the templates and Chart.yaml.
func Write(root, version string) error {
	dir := filepath.Join(root, "charts", "killorder")
	if err := objects.Write(filepath.Join(dir, "Chart.yaml"), []byte(chartFile(version))); err != nil {
		return err
	}
	used := map[string]bool{}
	for name, t := range templates {
		text, err := t.render(root, version, used)
		if err != nil {
			return fmt.Errorf("templates/%s: %w", name, err)
		}
		if err := objects.Write(filepath.Join(dir, "templates", name), []byte(text)); err != nil {
			return err
		}
	}
	return complete(root, version, used)
}

// complete says which object of config/ no template took.
func complete(root, version string, used map[string]bool) error {
	for _, folder := range []string{"config/default", "config/prometheus", "config/grafana"} {
		rendered, err := objects.Render(root, folder, version)
		if err != nil {
			return err
		}
		documents, err := objects.Documents(rendered)
		if err != nil {
			return err
		}
		for _, d := range documents {
			if !used[key(folder, d)] && d.GetKind() != "Namespace" { // helm install --create-namespace makes it
				return fmt.Errorf("no template takes %s %s of %s", d.GetKind(), d.GetName(), folder)
			}
		}
	}
	return nil
}

func key(folder string, d objects.Document) string {
	return folder + " " + d.GetKind() + " " + d.GetName()
}

func (t template) render(root, version string, used map[string]bool) (string, error) {
	rendered, err := objects.Render(root, t.folder, version)
	if err != nil {
		return "", err
	}
	documents, err := objects.Documents(rendered)
	if err != nil {
		return "", err
	}
	var taken []string
	for _, d := range documents {
		if t.takes(d) {
			used[key(t.folder, d)] = true
			taken = append(taken, mark(d.Text))
		}
	}
	if len(taken) == 0 {
		return "", fmt.Errorf("no object of kind %v in %s", t.kinds, t.folder)
	}
	text := strings.Join(taken, "---\n")
	for _, e := range append(slices.Clip(everywhere), t.edits...) {
		e.find = strings.ReplaceAll(e.find, "$VERSION", version)
		if text, err = e.apply(text); err != nil {
			return "", err
		}
	}
	if t.when != "" {
		text = "{{- if " + t.when + " }}\n" + text + "{{- end }}\n"
	}
	return header + text, nil
}

func (t template) takes(d objects.Document) bool {
	return slices.Contains(t.kinds, d.GetKind()) && (len(t.names) == 0 || slices.Contains(t.names, d.GetName()))
}

func (e edit) apply(text string) (string, error) {
	switch n := strings.Count(text, e.find); {
	case e.all: // may be absent: what is for the cluster has no namespace
	case n != 1:
		return "", fmt.Errorf("want the text below once, found it %d times; config/ has changed, so must tools/ship/chart\n%s", n, e.find)
	}
	return strings.ReplaceAll(text, e.find, e.put), nil
}

var (
	braces  = regexp.MustCompile(`\{\{|\}\}`)
	managed = regexp.MustCompile(`(?m)^( *)app\.kubernetes\.io/managed-by: kustomize\n`)
)

// mark keeps braces of alerts and dashboards from Helm, and puts the chart's labels where kustomize's is.
func mark(text string) string {
	text = braces.ReplaceAllString(text, "{{ \"$0\" }}")
	return managed.ReplaceAllStringFunc(text, func(line string) string {
		indent := strings.IndexByte(line, 'a')
		return fmt.Sprintf("%*s{{- include \"killorder.labels\" . | nindent %d }}\n", indent, "", indent)
	})
}
