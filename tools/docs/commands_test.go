package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/killorder/killorder/internal/cli"
)

// example is a command of a page that answers from examples/story, and what the page says it prints.
type example struct {
	command string
	output  []string
}

// A console block shows commands after "$ ", each with its output. "#" begins a comment.
var (
	console = regexp.MustCompile("(?ms)^```console\n(.*?)^```")
	comment = regexp.MustCompile(`\s+#.*$`)
)

func examples(source string) (found []example) {
	for _, block := range console.FindAllStringSubmatch(source, -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimRight(line, "\n")
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				found = append(found, example{command: comment.ReplaceAllString(command, "")})
			} else if len(found) > 0 && strings.TrimSpace(line) != "" {
				last := &found[len(found)-1]
				last.output = append(last.output, line)
			}
		}
	}
	return found
}

// offline reports whether the plugin alone answers a command: no pipe, no file but the story.
func (e example) offline() bool {
	return strings.HasPrefix(e.command, "kubectl killorder ") && strings.Contains(e.command, "-f examples/story") &&
		!strings.ContainsAny(e.command, "|>")
}

// TestCommands runs what pages show: each line of the output must be printed, in that order. Pages may leave lines out.
func TestCommands(t *testing.T) {
	t.Chdir(root)
	files, _ := filepath.Glob("docs/*.md")
	ran := 0
	for _, file := range append(files, "README.md") {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range examples(string(source)) {
			if e.offline() {
				ran++
				t.Run(file+": "+e.command, func(t *testing.T) { expect(t, e) })
			}
		}
	}
	if ran < 3 {
		t.Errorf("only %d commands were run: the parser does not see them", ran)
	}
}

func expect(t *testing.T, e example) {
	var out, errs bytes.Buffer
	args := strings.Fields(strings.TrimPrefix(e.command, "kubectl killorder "))
	if status := cli.Run(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}); status == 2 {
		t.Fatalf("wrong usage: %s", errs.String())
	}
	rest := strings.Split(out.String(), "\n")
	for _, want := range e.output {
		i := 0
		for i < len(rest) && strings.TrimRight(rest[i], " ") != strings.TrimRight(want, " ") {
			i++
		}
		if i == len(rest) {
			t.Fatalf("the page shows\n%s\nwhich is not printed, or not there:\n%s", want, out.String())
		}
		rest = rest[i+1:]
	}
}
