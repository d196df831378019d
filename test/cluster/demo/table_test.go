package demo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestLayOut compares with the output of kubectl v1.37.2 for the same tables.
func TestLayOut(t *testing.T) {
	table := &metav1.Table{
		ColumnDefinitions: []metav1.TableColumnDefinition{{Name: "Name"}, {Name: "Headroom"}, {Name: "Last-Kill", Priority: 1}, {Name: "Age"}},
		Rows: []metav1.TableRow{
			{Cells: []any{"worker-1", "71Mi", nil, "69s"}},
			{Cells: []any{"w", int64(5), "3m Eviction a/b", "2d"}},
		},
	}
	tests := map[string]struct {
		wide bool
		want []string
	}{
		"narrow": {false, []string{
			"NAME       HEADROOM   AGE",
			"worker-1   71Mi       69s",
			"w          5          2d",
		}},
		"wide": {true, []string{
			"NAME       HEADROOM   LAST-KILL         AGE",
			"worker-1   71Mi                         69s",
			"w          5          3m Eviction a/b   2d",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := &strings.Builder{}
			if err := layOut(out, table, test.wide); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, strings.Split(strings.TrimSpace(out.String()), "\n")); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}
