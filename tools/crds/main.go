// Crds compares two versions of the CustomResourceDefinitions, and says what would break an object or a reader of the
// older one. The rules are those of sigs.k8s.io/crdify, used as a library: its own program would build git and client-go.
//
//	crds OLD NEW         two folders
//	crds REPOSITORY      config/crd/bases of the last release tag, and of the work tree
//
// Exit status: 0 nothing breaks, 1 something does, 2 the definitions cannot be read.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	var broken []string
	var err error
	switch len(args) {
	case 1:
		broken, err = compareWithRelease(ctx, args[0])
	case 2:
		broken, err = compareFolders(args[0], args[1])
	default:
		fmt.Fprintln(os.Stderr, "usage: crds OLD NEW (folders), or crds REPOSITORY")
		return 2
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "crds:", err)
		return 2
	}
	for _, line := range broken {
		fmt.Println(line)
	}
	if len(broken) > 0 {
		return 1
	}
	return 0
}
