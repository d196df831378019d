package bundle

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/killorder/killorder/tools/ship/objects"
)

// ci tells the pipeline of community-operators how versions follow each other: by their numbers.
const ci = `---
# Those whose pull requests for this operator need no other approval.
addReviewers: true
reviewers:
- killorder
updateGraph: semver-mode
`

// Community lays the bundle out as a pull request to k8s-operatorhub/community-operators (and to Red Hat's
// community-operators-prod, which has the same layout) wants it, in bin/community-operators.
func Community(root, version string) error {
	operator := filepath.Join(root, "bin", "community-operators", "operators", "killorder")
	if err := os.RemoveAll(operator); err != nil {
		return fmt.Errorf("the layout before: %w", err)
	}
	if err := objects.Write(filepath.Join(operator, "ci.yaml"), []byte(ci)); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(operator, version), os.DirFS(filepath.Join(root, "bundle"))); err != nil {
		return fmt.Errorf("copy the bundle: %w", err)
	}
	return nil
}
