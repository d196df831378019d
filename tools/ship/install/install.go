// Package install writes dist/: what kubectl applies.
package install

import (
	"bytes"
	"path/filepath"
	"slices"

	"github.com/killorder/killorder/tools/ship/objects"
)

const generated = "# Made by `make generate` from config/. Change it there.\n"

// ofNamespace is what an administrator of one namespace may apply (the built-in ClusterRole admin). All else is for the
// cluster, or hands out rights that such an administrator does not have.
var ofNamespace = []string{"ServiceAccount", "Service", "Deployment", "PodDisruptionBudget", "NetworkPolicy"}

// Write makes the three files: all of it, and the same in two parts for clusters where those who install may not do all.
func Write(root, version string) error {
	rendered, err := objects.Render(root, "config/default", version)
	if err != nil {
		return err
	}
	documents, err := objects.Documents(rendered)
	if err != nil {
		return err
	}
	var all, administrator, operator []string
	for _, d := range documents {
		all = append(all, d.Text)
		if slices.Contains(ofNamespace, d.GetKind()) {
			operator = append(operator, d.Text)
		} else {
			administrator = append(administrator, d.Text)
		}
	}
	for name, part := range map[string]struct {
		says  string
		texts []string
	}{
		"install.yaml": {"# killorder v" + version + ": kubectl apply --server-side -f install.yaml. See docs/install.md.\n", all},
		"administrator.yaml": {
			"# The part of install.yaml that takes a cluster administrator: kinds, rights, the namespace, the priority class.\n" +
				"# Who administers the namespace killorder-system applies operator.yaml after it.\n", administrator,
		},
		"operator.yaml": {
			"# The part of install.yaml that an administrator of the namespace killorder-system may apply, after\n" +
				"# administrator.yaml.\n", operator,
		},
	} {
		var file bytes.Buffer
		file.WriteString(generated + part.says)
		for i, text := range part.texts {
			if i > 0 {
				file.WriteString("---\n")
			}
			file.WriteString(text)
		}
		if err := objects.Write(filepath.Join(root, "dist", name), file.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
