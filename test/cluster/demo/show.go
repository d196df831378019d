package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// title begins a scene.
func (d *demo) title(text string) {
	if d.Color {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	fmt.Fprintf(d.Out, "\n==> %s\n", text)
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.Out, format+"\n", args...) }

// show prints a command as a reader would type it. The caller then prints the
// output of the command.
func (d *demo) show(command string) { fmt.Fprintf(d.Out, "\n$ %s\n", command) }

// plugin runs `kubectl killorder` with these words.
func (d *demo) plugin(ctx context.Context, words ...string) error {
	d.show("kubectl killorder " + strings.Join(words, " "))
	color := "--color=never"
	if d.Color {
		color = "--color=always"
	}
	return d.run(ctx, d.Plugin, append(words, color)...)
}

// get prints what `kubectl get WORDS` prints, also on a machine without kubectl.
func (d *demo) get(ctx context.Context, words ...string) error {
	d.show("kubectl get " + strings.Join(words, " "))
	if d.kubectl != "" {
		return d.run(ctx, d.kubectl, append([]string{"get"}, words...)...)
	}
	return d.table(ctx, words)
}

func (d *demo) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+d.cluster.Kubeconfig())
	cmd.Stdout, cmd.Stderr = d.Out, d.Out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return nil
}
