package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// paths are the API paths of the resources that the demo reads without kubectl.
var paths = map[string]string{
	"nodekillorders": "/apis/killorder.io/v1alpha1/nodekillorders",
	"events":         "/api/v1/namespaces/%s/events",
	"pods":           "/api/v1/namespaces/%s/pods",
}

// table prints what `kubectl get WORDS` would print: the API server makes the
// table, and a client only lays the table out. table understands only the words
// that the scenes use.
func (d *demo) table(ctx context.Context, words []string) error {
	path, ok := paths[words[0]]
	if !ok {
		return fmt.Errorf("the demo does not know where %s are served", words[0])
	}
	request := d.cluster.Client().Discovery().RESTClient().Get().
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	wide := false
	for i := 1; i < len(words); i++ {
		switch word := words[i]; {
		case word == "-n":
			i++
			path = fmt.Sprintf(path, words[i])
		case word == "-o":
			i++
			wide = words[i] == "wide"
		case strings.HasPrefix(word, "--field-selector="):
			request = request.Param("fieldSelector", strings.TrimPrefix(word, "--field-selector="))
		default:
			return fmt.Errorf("the demo does not know the word %q of kubectl get", word)
		}
	}
	data, err := request.AbsPath(path).Do(ctx).Raw()
	if err != nil {
		return err
	}
	table := &metav1.Table{}
	if err := json.Unmarshal(data, table); err != nil {
		return err
	}
	return layOut(d.Out, table, wide)
}

// layOut prints a table as kubectl does, with three spaces between columns. A
// table that is not wide shows only the columns of priority 0.
func layOut(out io.Writer, table *metav1.Table, wide bool) error {
	w := tabwriter.NewWriter(out, 6, 4, 3, ' ', 0)
	var shown []int
	var names []string
	for i, column := range table.ColumnDefinitions {
		if column.Priority == 0 || wide {
			shown, names = append(shown, i), append(names, strings.ToUpper(column.Name))
		}
	}
	line := func(cells []string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }
	line(names)
	for _, row := range table.Rows {
		var cells []string
		for i, cell := range row.Cells {
			if slices.Contains(shown, i) {
				cells = append(cells, text(cell))
			}
		}
		line(cells)
	}
	return w.Flush()
}

func text(cell any) string {
	if cell == nil {
		return ""
	}
	return fmt.Sprint(cell)
}
