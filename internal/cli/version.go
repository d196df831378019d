package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildVersion is set by the linker for releases; else the build's own record serves.
var buildVersion string

// version of this program.
type version struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go,omitempty"`
}

func newVersion(e *env) *cobra.Command {
	out := &output{env: e}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if err := out.validate(); err != nil {
				return err
			}
			v := built()
			if out.forPrograms() {
				return out.object(v)
			}
			_, err := fmt.Fprintf(e.Out, "kubectl-killorder %s\n", v)
			return err
		},
	}
	out.addFlags(cmd.Flags())
	return cmd
}

func (v version) String() string {
	s := v.Version
	if v.Commit != "" {
		s += " (commit " + v.Commit + ")"
	}
	return s + " " + v.Go
}

func built() version {
	v := version{Version: buildVersion}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Go = info.GoVersion
		if v.Version == "" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value[:min(12, len(s.Value))]
			}
		}
	}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	return v
}
