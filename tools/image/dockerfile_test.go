package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Whoever builds with docker gets what `make image` makes: the last stage copies the files of -root and nothing else, and
// says the same of them.
func TestDockerfileSaysTheSame(t *testing.T) {
	want := process(release{version: "$VERSION", revision: "$REVISION"})
	if diff := cmp.Diff(want, lastStage(t, content(t, "../../Dockerfile"))); diff != "" {
		t.Errorf("Dockerfile differs from image.go (-image.go +Dockerfile):\n%s", diff)
	}
}

func lastStage(t *testing.T, dockerfile string) (c v1.Config) {
	t.Helper()
	lines := strings.Split(strings.ReplaceAll(regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(dockerfile, ""), "\\\n", ""), "\n")
	c.Labels = map[string]string{}
	pair := regexp.MustCompile(`(\S+)="([^"]*)"`)
	for _, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "FROM":
			if c.Labels, c.Env = map[string]string{}, nil; rest != "scratch" && !strings.HasSuffix(rest, " AS build") {
				t.Errorf("FROM %s: want scratch", rest)
			}
		case "LABEL":
			for _, m := range pair.FindAllStringSubmatch(rest, -1) {
				c.Labels[m[1]] = m[2]
			}
		case "ENV":
			for _, m := range pair.FindAllStringSubmatch(rest, -1) {
				c.Env = append(c.Env, m[1]+"="+m[2])
			}
		case "COPY":
			if strings.Contains(rest, "--from") && rest != "--from=build /rootfs /" {
				t.Errorf("COPY %s: want what -root wrote, alone", rest)
			}
		case "USER":
			c.User = rest
		case "WORKDIR":
			c.WorkingDir = rest
		case "ENTRYPOINT":
			if err := json.Unmarshal([]byte(rest), &c.Entrypoint); err != nil {
				t.Errorf("ENTRYPOINT %s: %v", rest, err)
			}
		}
	}
	return c
}
