package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What we hand out passes our own audit, and would not without what makes it safe.
func TestShippedManifestsPassTheAudit(t *testing.T) {
	install, err := os.ReadFile("../../dist/install.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		without []string
		want    int
	}{
		"as shipped":        {want: exitFine},
		"without resources": {without: []string{"            memory: 512Mi\n", "            cpu: 250m\n"}, want: exitFailOn},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "install.yaml")
			content := install
			for _, line := range tc.without {
				if !bytes.Contains(content, []byte(line)) {
					t.Fatalf("dist/install.yaml has no line %q to leave out", line)
				}
				content = bytes.ReplaceAll(content, []byte(line), nil)
			}
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := run(t, "", "audit", "-f", path, "--fail-on", "warning"); got.status != tc.want {
				t.Errorf("exit status %d, want %d:\n%s%s", got.status, tc.want, got.out, got.err)
			}
		})
	}
}
