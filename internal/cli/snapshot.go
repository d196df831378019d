package cli

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/snapshot"
)

const snapshotLong = `Write what decides who dies in this cluster, to be read with -f: to hand to a colleague, or to keep.

It holds Nodes, Pods that are not finished or show a death, Namespaces, PriorityClasses, usage, the Events of
Pods and Nodes, the KillOrderPolicy and NodeKillOrders, and, if you may get nodes/proxy, the kubelets' own
answers; of each no more than the answers rest on. --redact renames everything, each name to the same one
everywhere: no name, label, image, environment or annotation stays but what the rules need, and of messages
the words that deaths are told by. What could not be read is named, and not in the snapshot.`

const snapshotExample = `  # An archive to hand on
  kubectl killorder snapshot -o cluster.tar.gz --redact

  # A folder, and what it says
  kubectl killorder snapshot -o cluster/
  kubectl killorder rank -f cluster/`

type writing struct {
	*env
	path   string
	redact bool
}

func newSnapshot(e *env) *cobra.Command {
	w := &writing{env: e}
	cmd := &cobra.Command{
		Use:     "snapshot -o DIR|FILE.tar.gz [--redact]",
		Short:   "Write what -f reads",
		Long:    snapshotLong,
		Example: snapshotExample,
		Args:    arguments(cobra.NoArgs),

		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if w.path == "" {
				return wrongUsage("--output is required: a folder, a file that ends in .tar.gz, or - for an archive on standard output")
			}
			return w.run(cmd.Context())
		},
	}
	cmd.Flags().StringVarP(&w.path, "output", "o", "", "Folder or .tar.gz to write; - is an archive on standard output")
	cmd.Flags().BoolVar(&w.redact, "redact", false, "Rename all that names somebody or something")
	return cmd
}

func (w *writing) run(ctx context.Context) error {
	if err := w.free(); err != nil {
		return err
	}
	content, err := w.read(ctx)
	if err != nil {
		return err
	}
	if w.redact {
		if content, err = snapshot.Redact(content); err != nil {
			return err
		}
	}
	switch {
	case w.path == "-":
		return writeArchive(w.Out, content)
	case isArchive(w.path):
		err = replace(w.path, func(f io.Writer) error { return writeArchive(f, content) })
	default:
		err = snapshot.Write(content, w.putFile)
	}
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	fmt.Fprintf(w.Err, "%s: %d nodes, %d pods\n", w.path, len(content.Nodes), len(content.Pods))
	return nil
}

func isArchive(path string) bool {
	return strings.HasSuffix(path, ".tar.gz") || strings.HasSuffix(path, ".tgz")
}

// free refuses a folder that holds something: two snapshots in one folder are none.
func (w *writing) free() error {
	entries, err := os.ReadDir(w.path)
	switch {
	case w.path == "-" || isArchive(w.path) || errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("output: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("output: folder %s is not empty", w.path)
	}
	return nil
}

func (w *writing) read(ctx context.Context) (*snapshot.Content, error) {
	p := newProgress(w.Err)
	defer p.done()
	config, err := w.kube.restConfig()
	if err != nil {
		return nil, err
	}
	content, notes, err := clusterread.Content(ctx, config, p.say)
	if err != nil {
		return nil, err
	}
	p.done()
	(&output{env: w.env}).notes(notes)
	return content, nil
}

// putFile writes a file of the folder. It names pods: it is the user's own.
func (w *writing) putFile(path string, content []byte) error {
	path = filepath.Join(w.path, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// replace writes a file that is there whole or not at all.
func replace(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".killorder-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // what is there is half of a snapshot
		}
	}()
	if err := cmp.Or(write(f), f.Sync()); err != nil {
		_ = f.Close() // the first error says more
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// writeArchive writes the files of a snapshot as .tar.gz.
func writeArchive(w io.Writer, content *snapshot.Content) error {
	zipped := gzip.NewWriter(w)
	archive := tar.NewWriter(zipped)
	now := time.Now()
	err := snapshot.Write(content, func(path string, content []byte) error {
		err := archive.WriteHeader(&tar.Header{Name: "snapshot/" + path, Mode: 0o600, Size: int64(len(content)), ModTime: now})
		if err != nil {
			return err
		}
		_, err = archive.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return cmp.Or(archive.Close(), zipped.Close())
}
