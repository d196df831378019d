package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	got := run(t, "", "report", "-f", "testdata/story.yaml", "-o", path)
	if got.status != exitFine {
		t.Fatalf("exit status %d: %s", got.status, got.err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, "", "report", "-f", deaths+"/05-evicted-hard", "-o", "-"); !strings.Contains(got.out, "default/be-100") {
		t.Errorf("the kills of the snapshot are not on the page: %s", got.err)
	}
	for _, want := range []string{"worker-1", "worker-2", "shop/payments-api", "testdata/story.yaml"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q is missing", want)
		}
	}
	for name, args := range map[string][]string{
		"no file":               {"report", "-f", "testdata/story.yaml"},
		"an argument":           {"report", "worker-1", "-o", "x"},
		"a folder that is none": {"report", "-f", "testdata/story.yaml", "-o", "testdata/none/x.html"},
	} {
		if got := run(t, "", args...); got.status == exitFine || got.err == "" {
			t.Errorf("%s: exit status %d", name, got.status)
		}
	}
}
