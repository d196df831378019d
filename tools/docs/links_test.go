package main

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

const root = "../.."

// page is what links of one Markdown file point from and to.
type page struct {
	links []string
	// anchors of the headings, as GitHub makes them and as the site does; a heading is under the same index in both.
	github, site []string
}

// pages of the repository, by their path from its root. Data of tests has links of its own.
func pages(t *testing.T) map[string]*page {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "*.md").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*page{}
	for name := range strings.FieldsSeq(string(out)) {
		source, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || strings.Contains(name, "testdata/") {
			continue // deleted, and not yet committed
		}
		all[name] = parse(source)
	}
	if len(all) < 12 {
		t.Fatalf("only %d pages found", len(all))
	}
	return all
}

func parse(source []byte) *page {
	p := &page{}
	tree := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	_ = ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			p.links = append(p.links, string(n.Destination))
		case *ast.Image:
			p.links = append(p.links, string(n.Destination))
		case *ast.Heading:
			heading := plain(n, source)
			p.github = append(p.github, unique(p.github, githubSlug(heading), "-"))
			p.site = append(p.site, unique(p.site, siteSlug(heading), "_"))
		}
		return ast.WalkContinue, nil
	})
	return p
}

// plain is the text of a node without its markup.
func plain(n ast.Node, source []byte) string {
	var b bytes.Buffer
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

var (
	notInSlugs = regexp.MustCompile(`[^\p{L}\p{N}_\s-]`)
	gaps       = regexp.MustCompile(`[-\s]+`)
)

func githubSlug(heading string) string {
	return strings.ReplaceAll(strings.ToLower(notInSlugs.ReplaceAllString(heading, "")), " ", "-")
}

// siteSlug is what Python-Markdown's toc extension makes, which mkdocs uses.
func siteSlug(heading string) string {
	return gaps.ReplaceAllString(strings.TrimSpace(strings.ToLower(notInSlugs.ReplaceAllString(heading, ""))), "-")
}

func unique(taken []string, slug, mark string) string {
	for n, free := 1, slug; ; n++ {
		if !slices.Contains(taken, free) {
			return free
		}
		free = slug + mark + strings.Repeat("I", n) // never the same in both: nothing links to a second heading of one name
	}
}

// broken says what is wrong with a link of a page, "" for nothing. Other sites are not asked.
func broken(all map[string]*page, from, link string) string {
	target, anchor, _ := strings.Cut(link, "#")
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	name := from
	if target != "" {
		name = path.Join(path.Dir(from), target)
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			return "there is no such file"
		}
	}
	if anchor == "" {
		return ""
	}
	to := all[name]
	if to == nil {
		return "an anchor of what is no page"
	}
	i := slices.Index(to.github, anchor)
	switch {
	case i < 0:
		return "there is no such heading"
	case strings.HasPrefix(name, "docs/") && to.site[i] != anchor:
		return "on the site the heading's anchor is #" + to.site[i] + ": word the heading so that both are the same"
	}
	return ""
}

func TestLinks(t *testing.T) {
	all, links := pages(t), 0
	for name, p := range all {
		for _, link := range p.links {
			links++
			if problem := broken(all, name, link); problem != "" {
				t.Errorf("%s: link %s: %s", name, link, problem)
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links found: the parser does not see them", links)
	}
}

// TestBrokenLinks shows that the check finds what is broken.
func TestBrokenLinks(t *testing.T) {
	all := map[string]*page{
		"docs/findings.md": parse([]byte("# Findings\n[a](#pods) [b](inputs.md)\n\n## Pods\n\n## A & B\n\n## Pods\n")),
		"README.md":        parse([]byte("# killorder\n")),
	}
	tests := map[string]struct{ from, link, want string }{
		"a file":                      {"docs/findings.md", "inputs.md", ""},
		"an anchor of the page":       {"docs/findings.md", "#pods", ""},
		"an anchor of another":        {"README.md", "docs/findings.md#pods", ""},
		"a folder":                    {"README.md", "docs", ""},
		"another site":                {"README.md", "https://example.com/none#none", ""},
		"no file":                     {"README.md", "docs/none.md", "no such file"},
		"no heading":                  {"README.md", "docs/findings.md#none", "no such heading"},
		"the second of one name":      {"README.md", "docs/findings.md#pods-1", "no such heading"},
		"two anchors for one heading": {"README.md", "docs/findings.md#a--b", "on the site the heading's anchor is #a-b"},
		"an anchor of a program":      {"README.md", "Makefile#help", "what is no page"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := broken(all, tt.from, tt.link); got != tt.want && (tt.want == "" || !strings.Contains(got, tt.want)) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestEveryPageIsInTheSite: a page that the site's navigation forgets is found by nobody.
func TestEveryPageIsInTheSite(t *testing.T) {
	site, err := os.ReadFile(filepath.Join(root, "mkdocs.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range pages(t) {
		if file, ok := strings.CutPrefix(name, "docs/"); ok && !strings.Contains(string(site), ": "+file+"\n") {
			t.Errorf("mkdocs.yml does not have %s", file)
		}
	}
}
