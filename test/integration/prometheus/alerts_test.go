package prometheus

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// promtool runs in a folder that has the rules as rules.yaml.
func promtool(t *testing.T, dir string, args ...string) (output string, err error) {
	t.Helper()
	program, err := binary("promtool")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, args...)
	command.Dir = dir
	text, err := command.CombinedOutput()
	return string(text), err
}

// testFiles are promtool's tests of the alerts.
func testFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(configFile("prometheus", "tests", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s (%v)", configFile("prometheus", "tests"), err)
	}
	return files
}

func TestAlertsAreValid(t *testing.T) {
	dir := t.TempDir()
	if err := writeRules(filepath.Join(dir, "rules.yaml")); err != nil {
		t.Fatal(err)
	}
	text, err := promtool(t, dir, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	t.Log(text)
}

func TestAlertsFireAndStaySilent(t *testing.T) {
	for _, file := range testFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			dir := t.TempDir()
			if err := writeRules(filepath.Join(dir, "rules.yaml")); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "test.yaml"), text, 0o600); err != nil {
				t.Fatal(err)
			}
			output, err := promtool(t, dir, "test", "rules", "test.yaml")
			if err != nil {
				t.Fatalf("%s: %v\n%s", file, err, output)
			}
			t.Log(output)
		})
	}
}

// Each alert is seen firing by one of promtool's tests, with its text.
func TestEachAlertIsTested(t *testing.T) {
	rules, err := alerts()
	if err != nil {
		t.Fatal(err)
	}
	firing := map[string]bool{}
	for _, file := range testFiles(t) {
		var suite promtoolSuite
		if err := read(file, &suite); err != nil {
			t.Fatal(err)
		}
		for _, test := range suite.Tests {
			for _, a := range test.AlertRuleTest {
				firing[a.AlertName] = firing[a.AlertName] || len(a.ExpAlerts) > 0
			}
		}
	}
	for _, rule := range rules {
		if !firing[rule.Alert] {
			t.Errorf("no test in config/prometheus/tests sees %s fire", rule.Alert)
		}
	}
}

// promtoolSuite is a test file of promtool's.
type promtoolSuite struct {
	Tests []struct {
		InputSeries   []struct{ Series string } `json:"input_series"`
		AlertRuleTest []struct {
			AlertName string `json:"alertname"`
			ExpAlerts []any  `json:"exp_alerts"`
		} `json:"alert_rule_test"`
		PromQL []struct{ Expr string } `json:"promql_expr_test"`
	}
}

// Whoever is woken up finds a number, a way to check, and what to change.
func TestEachAlertSaysWhatToDo(t *testing.T) {
	rules, err := alerts()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(configFile(".."), "docs", "runbooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(line, "## Killorder"); ok {
			sections["Killorder"+strings.TrimSpace(heading)] = true
		}
	}
	const runbooks = "https://github.com/killorder/killorder/blob/main/docs/runbooks.md#"
	for _, rule := range rules {
		if !sections[rule.Alert] {
			t.Errorf("docs/runbooks.md has no section ## %s", rule.Alert)
		}
		delete(sections, rule.Alert)
		if got, want := rule.Annotations["runbook_url"], runbooks+strings.ToLower(rule.Alert); got != want {
			t.Errorf("%s: runbook_url is %q, want %q", rule.Alert, got, want)
		}
		if rule.Annotations["summary"] == "" || !strings.Contains(rule.Annotations["description"], "{{") {
			t.Errorf("%s: wants a summary, and a description with numbers", rule.Alert)
		}
		if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s: severity is %q", rule.Alert, severity)
		}
	}
	for alert := range sections {
		t.Errorf("docs/runbooks.md has a section %s, but there is no such alert", alert)
	}
}
