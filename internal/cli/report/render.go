package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// Write writes the page.
func Write(w io.Writer, in *Input) error {
	p, err := newPage(in)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	hash := sha256.Sum256([]byte(pageCSS))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; base-uri 'none'; form-action 'none'"
	t, err := template.New("page").Funcs(template.FuncMap{
		"css":    func() template.CSS { return template.CSS(pageCSS) }, //nolint:gosec // our own file
		"policy": func() string { return policy },
		// json is data in a script element that no browser runs: "<" is escaped, so that nothing ends the element.
		"json": func() template.JS { return template.JS(p.Data) }, //nolint:gosec // encoding/json escapes <, > and &
	}).Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
