// Command image builds the operator's container image from this repository alone: no registry, no container tool, no
// base image. The same source, Go version and flags give the same digest on every machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// settings are the flags.
type settings struct {
	source, program, platforms string
	release                    release
	out, root, sbom            string
}

func main() {
	var s settings
	flag.StringVar(&s.source, "source", "../..", "folder of the product's Go module")
	flag.StringVar(&s.program, "program", "./cmd/manager", "package in that module: it becomes /manager")
	flag.StringVar(&s.platforms, "platforms", "linux/amd64,linux/arm64", "platforms of the index, comma-separated")
	flag.StringVar(&s.release.name, "name", "ghcr.io/killorder/killorder:latest", "the image's name with its tag")
	flag.StringVar(&s.release.version, "version", "devel", "version in the program and in the labels")
	flag.StringVar(&s.release.revision, "revision", "", "commit in the labels; none if empty")
	flag.StringVar(&s.out, "o", "", "folder to write to: oci/, oci.tar, docker-ARCH.tar, sbom-ARCH.cdx.json, digest")
	flag.StringVar(&s.root, "root", "", "folder to write the file system of one platform to, in place of -o: what Dockerfile does")
	flag.StringVar(&s.sbom, "sbom", "", "path of cyclonedx-gomod, which then lists what each program is made of")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	platforms, err := parsePlatforms(s.platforms)
	if err != nil {
		return err
	}
	if (s.out == "") == (s.root == "") {
		return errors.New("exactly one of -o and -root must be given")
	}
	if s.root != "" && len(platforms) != 1 {
		return fmt.Errorf("-root takes one platform, not %s", s.platforms)
	}
	if s.release.created, err = created(os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "killorder-image-")
	if err != nil {
		return fmt.Errorf("folder for the programs: %w", err)
	}
	defer os.RemoveAll(work)
	built, err := buildAll(ctx, s, platforms, work)
	if err != nil {
		return err
	}
	if s.root != "" {
		return writeRoot(s.root, built[0].files)
	}
	digest, err := writeImage(s.out, s.release, built)
	if err != nil {
		return err
	}
	fmt.Printf("%s@%s\n", s.release.name, digest)
	return nil
}

// parsePlatforms reads "linux/amd64,linux/arm64".
func parsePlatforms(text string) ([]platform, error) {
	var all []platform
	for one := range strings.SplitSeq(text, ",") {
		system, arch, ok := strings.Cut(one, "/")
		if !ok || system != "linux" || arch == "" {
			return nil, fmt.Errorf("-platforms: %q is not linux/ARCHITECTURE", one)
		}
		all = append(all, platform{os: system, arch: arch})
	}
	return all, nil
}
