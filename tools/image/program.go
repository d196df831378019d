package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// platform of a program: an operating system and an architecture in Go's names, which are OCI's too.
type platform struct{ os, arch string }

// built is all that stands in the image of one platform.
type built struct {
	platform
	files []file
	// sbom is CycloneDX JSON, empty where none was asked for.
	sbom []byte
}

// buildAll builds the program for each platform and adds the files beside it.
func buildAll(ctx context.Context, s settings, platforms []platform, work string) ([]built, error) {
	base, err := baseFiles(s.source)
	if err != nil {
		return nil, err
	}
	var all []built
	for _, p := range platforms {
		path := filepath.Join(work, "manager-"+p.arch)
		if err := buildProgram(ctx, s, p, path); err != nil {
			return nil, err
		}
		program, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the program: %w", err)
		}
		one := built{platform: p, files: append(slices.Clip(base), file{name: "manager", mode: 0o755, content: program})}
		if s.sbom != "" {
			if one.sbom, err = listParts(ctx, s.sbom, s.release.version, path); err != nil {
				return nil, err
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// buildProgram fixes everything that Go lets into a binary: paths, version control stamps, and the user's own settings.
func buildProgram(ctx context.Context, s settings, p platform, path string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X main.version="+s.release.version, "-o", path, s.program)
	build.Dir = s.source
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOOS="+p.os, "GOARCH="+p.arch,
		"GOAMD64=v1", "GOARM64=v8.0", "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s for %s/%s: %w\n%s", s.program, p.os, p.arch, err, output)
	}
	return nil
}

// listParts is the bill of materials that cyclonedx-gomod reads out of a program: Go modules and the standard library. A
// serial number and the time would differ from run to run.
func listParts(ctx context.Context, tool, version, program string) ([]byte, error) {
	list := exec.CommandContext(ctx, tool, "bin", "-json", "-noserial", "-notimestamp", "-std", "-version", version, program)
	list.Stderr = os.Stderr
	parts, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the parts of %s: %w", program, err)
	}
	return parts, nil
}
