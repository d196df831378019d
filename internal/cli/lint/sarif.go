package lint

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/cli/text"
)

// MostResults is how many results GitHub takes of one file of SARIF.
const MostResults = 5000

var levels = map[string]string{"Critical": "error", "Warning": "warning", "Info": "note"}

// writeSARIF writes SARIF 2.1.0, as code scanning reads it: stable rule IDs, URIs relative to the folder that the command
// ran in, and fingerprints that do not change when lines move.
func writeSARIF(w io.Writer, r *kinds.AuditReport, version string) error {
	run := sarif.NewRunWithInformationURI("killorder", "https://github.com/killorder/killorder")
	run.Tool.Driver.WithVersion(version)
	for i := range r.Items[:min(len(r.Items), MostResults)] {
		f := &r.Items[i]
		run.AddRule(f.Rule).WithShortDescription(sarif.NewMultiformatMessageString().WithText(f.Rule)).
			WithHelpURI(docs + "#" + strings.ToLower(f.Rule))
		result := run.CreateResultForRule(f.Rule).WithLevel(levels[f.Severity]).WithMessage(sarif.NewTextMessage(sentence(f)))
		result.PartialFingerprints = map[string]string{"killorder/v1": fingerprint(f)}
		if f.File != "" {
			result.AddLocation(sarif.NewLocationWithPhysicalLocation(sarif.NewPhysicalLocation().
				WithArtifactLocation(sarif.NewSimpleArtifactLocation(relative(f.File))).
				WithRegion(sarif.NewRegion().WithStartLine(max(f.Line, 1)))))
		}
		if f.Ignored != "" {
			result.AddSuppression(sarif.NewSuppression().WithKind("inSource").WithJustification(text.OneLine(f.Ignored)))
		}
	}
	report := sarif.NewReport()
	report.AddRun(run)
	return report.PrettyWrite(w)
}

// fingerprint names a finding whatever its line: its rule and what it is about.
func fingerprint(f *kinds.AuditFinding) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Rule, relative(f.File), object(f)}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// relative is a file's path with slashes, as seen from the folder that the command runs in, without a leading ./ or /.
func relative(path string) string {
	if wd, err := os.Getwd(); err == nil && filepath.IsAbs(path) {
		if inside, err := filepath.Rel(wd, path); err == nil && !strings.HasPrefix(inside, "..") {
			path = inside
		}
	}
	return strings.TrimPrefix(strings.TrimPrefix(filepath.ToSlash(filepath.Clean(path)), "./"), "/")
}
