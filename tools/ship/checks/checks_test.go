// Package checks sees the checkers of the repository's own surroundings fail: one that accepts everything is none.
package checks

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/killorder/killorder/tools/ship/broken"
)

const root = "../../.."

// actionlint accepts the workflows, and none of the broken copies.
func TestWorkflows(t *testing.T) {
	for name, tc := range map[string]struct{ file, find, put, want string }{
		"as they are":               {},
		"a runner that is none":     {"test.yml", "ubuntu-24.04", "ubuntu-99.04", "ubuntu-99.04"},
		"a secret that is typed":    {"release.yml", "${{ secrets.GITHUB_TOKEN }}", "${{ secret.GITHUB_TOKEN }}", "secret"},
		"a step that is not there":  {"release.yml", "steps.image.outputs.digest", "steps.picture.outputs.digest", "picture"},
		"a permission that is none": {"scorecard.yml", "security-events: write", "security-event: write", "security-event"},
		"a schedule that is none":   {"scorecard.yml", "17 4 * * 1", "every monday", "cron"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, ".github", "workflows"))); err != nil {
				t.Fatal(err)
			}
			if tc.file != "" {
				broken.ReplaceOnce(t, filepath.Join(dir, tc.file), tc.find, tc.put)
			}
			files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
			if err != nil || len(files) == 0 {
				t.Fatal("no workflows", err)
			}
			expect(t, exec.Command(tool(t, "actionlint"), append([]string{"-shellcheck=", "-pyflakes="}, files...)...), tc.want)
		})
	}
}

// Actions are pinned by what nobody can move: a tag can be.
func TestActionsArePinned(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no workflows", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			_, used, uses := strings.Cut(line, "uses: ")
			_, revision, _ := strings.Cut(strings.Fields(used + " -")[0], "@")
			if uses && len(revision) != 40 {
				t.Errorf("%s: %s: want a commit of 40 digits", filepath.Base(file), strings.TrimSpace(line))
			}
		}
	}
}

func TestLicences(t *testing.T) {
	t.Run("one that is not allowed", func(t *testing.T) {
		c := exec.Command(filepath.Join(root, "hack", "licenses.sh"))
		c.Env = append(os.Environ(), "ALLOWED=BSD-3-Clause")
		expect(t, c, "a licence is not one of BSD-3-Clause")
	})
}

// A database of one vulnerability, in a function that everybody has: who calls it is told, and a database that does not
// answer is not taken for a clean one.
func TestVulnerabilities(t *testing.T) {
	database := "file://" + vulnerable(t, "net/url", "Parse")
	for name, tc := range map[string]struct{ calls, database, required, want, says string }{
		"it is called":             {calls: "url.Parse(\"x\")", database: database, want: "GO-2026-0001"},
		"another function is":      {calls: "url.PathEscape(\"x\")", database: database, says: "no known vulnerability is called"},
		"nobody answers":           {calls: "url.Parse(\"x\")", database: "http://127.0.0.1:1", says: "NOTHING WAS CHECKED"},
		"nobody answers, but must": {calls: "url.Parse(\"x\")", database: "http://127.0.0.1:1", required: "1", want: "NOTHING WAS CHECKED"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{
				"go.mod":  "module example.com/small\n\ngo 1.26.0\n",
				"main.go": "package main\n\nimport \"net/url\"\n\nfunc main() { " + tc.calls + " }\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			tool(t, "govulncheck")
			c := exec.Command(filepath.Join(root, "hack", "vulncheck.sh"), dir, "./...")
			c.Env = append(os.Environ(), "GOVULNDB="+tc.database, "VULNCHECK_REQUIRED="+tc.required)
			if out := expect(t, c, tc.want); !strings.Contains(out, tc.says) {
				t.Errorf("want %q in\n%s", tc.says, out)
			}
		})
	}
}

// vulnerable writes a database as go.dev/doc/security/vuln/database describes it.
func vulnerable(t *testing.T, pkg, symbol string) string {
	t.Helper()
	dir, id, at := t.TempDir(), "GO-2026-0001", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, content := range map[string]any{
		"index/db.json":      map[string]any{"modified": at},
		"index/vulns.json":   []any{map[string]any{"id": id, "modified": at}},
		"index/modules.json": []any{map[string]any{"path": "stdlib", "vulns": []any{map[string]any{"id": id, "modified": at}}}},
		"ID/" + id + ".json": map[string]any{
			"schema_version": "1.3.1", "id": id, "modified": at, "published": at, "summary": "a test", "details": "a test",
			"affected": []any{map[string]any{
				"package":            map[string]any{"name": "stdlib", "ecosystem": "Go"},
				"ranges":             []any{map[string]any{"type": "SEMVER", "events": []any{map[string]any{"introduced": "0"}}}},
				"ecosystem_specific": map[string]any{"imports": []any{map[string]any{"path": pkg, "symbols": []any{symbol}}}},
			}},
			"database_specific": map[string]any{"url": "https://pkg.go.dev/vuln/" + id},
		},
	} {
		data, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// expect that a command fails and says something; with nothing to say, that it succeeds.
func expect(t *testing.T, c *exec.Cmd, want string) string {
	t.Helper()
	out, err := c.CombinedOutput()
	if want == "" && err != nil {
		t.Errorf("%v: %v\n%s", c.Args, err, out)
	}
	if want != "" && (err == nil || !strings.Contains(string(out), want)) {
		t.Errorf("%v: want a failure with %q, got %v\n%s", c.Args, want, err, out)
	}
	return string(out)
}

// tool is a pinned one, which `make verify` builds.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "bin", "tools", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}
