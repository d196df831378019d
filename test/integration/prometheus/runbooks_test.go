package prometheus

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/killorder/killorder/test/integration/harness"
)

// elsewhere are commands that need what the simulated cluster has not: the operator as a Deployment, its account and a
// lease, prometheus-operator's kinds, kubelets behind the API server's proxy.
var elsewhere = regexp.MustCompile(` (port-forward|lease|servicemonitor|auth can-i|patch deployment|--raw "/api/v1/nodes/)`)

// runbookLines are the lines of the runbooks' code blocks in a language.
func runbookLines(language string) (lines []string) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "runbooks.md"))
	Expect(err).NotTo(HaveOccurred())
	inside := false
	for line := range strings.Lines(string(text)) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "```"):
			inside = line == "```"+language
		case inside && line != "":
			lines = append(lines, line)
		}
	}
	return lines
}

// plugin is a folder with kubectl-killorder.
var plugin string

// pasted runs a line as a reader of the runbooks would, and returns what it prints.
func pasted(ctx context.Context, line string) string {
	GinkgoHelper()
	if plugin == "" {
		built, err := gexec.Build("github.com/killorder/killorder/cmd/kubectl-killorder")
		Expect(err).NotTo(HaveOccurred())
		plugin = filepath.Dir(built)
	}
	command := exec.CommandContext(ctx, "bash", "-c", line)
	command.Env = append(os.Environ(), "NODE=worker-1", "KUBECONFIG="+cluster.Kubeconfig,
		"PATH="+strings.Join([]string{os.Getenv("KUBEBUILDER_ASSETS"), plugin, os.Getenv("PATH")}, string(os.PathListSeparator)))
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s\n%s", line, output)
	return string(output)
}
