// Docs draws the pictures of docs/concepts.md: what the engine says of the nodes of examples/story.
//
//	docs STORY OUT
//
// Its tests check the documentation: links and anchors, the pictures, the health check for Argo CD.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/snapshot"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: docs STORY OUT (folders)")
		os.Exit(2)
	}
	if err := draw(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// draw writes the pictures of a story into a folder that exists.
func draw(ctx context.Context, story, out string) error {
	verdicts, err := judge(ctx, story)
	if err != nil {
		return err
	}
	first, second := verdicts["worker-1"], verdicts["worker-2"]
	if first == nil || second == nil {
		return fmt.Errorf("%s has no node worker-1, or no worker-2", story)
	}
	for name, picture := range map[string]string{
		"eviction.svg": evictionPicture(second),
		"kernel.svg":   kernelPicture(first, second),
		"memory.svg":   memoryPicture(second),
	} {
		if err := os.WriteFile(filepath.Join(out, name), []byte(picture), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// judge the nodes of a story, by name.
func judge(ctx context.Context, story string) (map[string]*engine.Verdict, error) {
	s, err := snapshot.Read(ctx, snapshot.Options{Paths: []string{story}})
	if err != nil {
		return nil, err
	}
	verdicts := map[string]*engine.Verdict{}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		extract.Attach(n, s.PodsOf(n.Name), s.ReadingsOf(n.Name), s.Policy, s.NamespaceLabels)
		v := engine.Evaluate(n, &s.Policy.Policy, s.Now)
		verdicts[n.Name] = &v
	}
	return verdicts, nil
}
