package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/engine/audit"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/manifest"
	"github.com/killorder/killorder/internal/snapshot"
)

// inManifests audits the pods that manifests would make. minor is the version of Kubernetes 1 that they are meant for, 0 for
// the newest known. now is when ignoring a finding may have ended.
func inManifests(m *manifest.Manifests, minor int, now time.Time) (found []kinds.AuditFinding) {
	for i := range m.Workloads {
		w := &m.Workloads[i]
		pod := extract.Template(w.Pod, minor)
		ns := m.NamespaceLabels(w.Namespace)
		state := facts.PodState{
			Pod: pod, WorkingSet: facts.Unknown,
			Critical: m.Policy.Critical(pod, ns), Production: m.Policy.Production(w.Namespace, ns),
		}
		listed, ignored := audit.InTemplate(&state, &m.Policy.Policy, minor, now)
		for _, f := range append(listed, ignored...) {
			if w.PriorityUnknown != "" && f.Rule == "CriticalWithoutPriority" {
				continue // its PriorityClass is not among the manifests
			}
			item := auditFinding(&f)
			item.Namespace, item.Object = w.Namespace, kinds.Object{Kind: w.Kind, Name: w.Name}
			item.File, item.Line = w.File, w.LineOf(f.Container)
			found = append(found, item)
		}
	}
	return found
}

// kindNode is how a Node begins in YAML and JSON.
var kindNode = regexp.MustCompile(`"?kind"?\s*:\s*"?Node(List)?"?\s*[,}\r\n]`)

// holdsNodes reports whether the input holds Nodes, so that it is a snapshot of a cluster.
func (in *input) holdsNodes(ctx context.Context) (bool, error) {
	for _, path := range in.paths {
		if found, err := in.holds(ctx, path, kindNode); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// holds reports whether a path's files hold what the pattern finds; archives are snapshots, and hold everything. Standard
// input is read whole for that, and kept.
func (in *input) holds(ctx context.Context, path string, pattern *regexp.Regexp) (bool, error) {
	if path != snapshot.Stdin {
		return pathHolds(ctx, path, pattern)
	}
	if in.kept == nil {
		const most = 1 << 30
		raw, err := io.ReadAll(io.LimitReader(in.In, most+1))
		switch {
		case err != nil:
			return false, fmt.Errorf("standard input: %w", err)
		case len(raw) > most:
			return false, fmt.Errorf("standard input: larger than %d MiB", most>>20)
		}
		in.kept = raw
	}
	in.rewind()
	return pattern.Match(in.kept), nil
}

// rewind lets standard input be read again, if it was kept.
func (in *input) rewind() {
	if in.kept == nil {
		return
	}
	env := *in.env
	env.In = bytes.NewReader(in.kept)
	in.env = &env
}

// pathHolds looks into files by their names.
func pathHolds(ctx context.Context, path string, pattern *regexp.Regexp) (found bool, err error) {
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || found || d.IsDir() {
			return nil //nolint:nilerr // whoever reads the files next says what cannot be read
		}
		switch ext := strings.ToLower(filepath.Ext(name)); ext {
		case ".gz", ".tgz", ".zip", ".tar", ".bz2":
			found = true
		case ".json", ".yaml", ".yml":
			found = fileHolds(name, pattern)
		}
		return nil
	})
	return found, err
}

// small is the size, in bytes, up to which a file is looked into as a whole, which is much faster.
const small = 1 << 20

func fileHolds(name string, pattern *regexp.Regexp) bool {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	if info.Size() > small {
		return pattern.MatchReader(bufio.NewReaderSize(f, small))
	}
	content, err := io.ReadAll(io.LimitReader(f, small))
	return err == nil && pattern.Match(content)
}
