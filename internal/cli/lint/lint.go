// Package lint writes findings in the formats of continuous integration: GitHub's workflow commands, SARIF and JUnit.
package lint

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/cli/text"
)

// The formats.
const (
	GitHub = "github"
	SARIF  = "sarif"
	JUnit  = "junit"
)

// docs is where each rule has a section.
const docs = "https://github.com/killorder/killorder/blob/main/docs/findings.md"

// Write writes a report in a format. version is the plugin's.
func Write(w io.Writer, format string, r *kinds.AuditReport, version string) error {
	switch format {
	case GitHub:
		return writeGitHub(w, r)
	case SARIF:
		return writeSARIF(w, r, version)
	case JUnit:
		return writeJUnit(w, r)
	}
	return fmt.Errorf("unknown format %q", format)
}

// object names what a finding is about, in one word.
func object(f *kinds.AuditFinding) string {
	name := f.Object.Kind + "/" + f.Object.Name
	if f.Namespace != "" {
		name = f.Namespace + "/" + name
	}
	if f.Container != "" {
		name += "/" + f.Container
	}
	return name
}

// sentence is the finding in one line.
func sentence(f *kinds.AuditFinding) string {
	s := object(f) + ": " + f.Message
	if f.Fix != "" {
		s += " Fix: " + f.Fix
	}
	return text.OneLine(s)
}

var commands = map[string]string{"Critical": "error", "Warning": "warning", "Info": "notice"}

// writeGitHub writes workflow commands, which GitHub shows beside the lines of a change
// (docs.github.com, Workflow commands: setting an error message).
func writeGitHub(w io.Writer, r *kinds.AuditReport) error {
	for i := range r.Items {
		f := &r.Items[i]
		if f.Ignored != "" {
			continue
		}
		where := ""
		if f.File != "" {
			where = fmt.Sprintf("file=%s,line=%d,", property(f.File), f.Line)
		}
		if _, err := fmt.Fprintf(w, "::%s %stitle=%s::%s\n", commands[f.Severity], where, property(f.Rule),
			message(sentence(f))); err != nil {
			return err
		}
	}
	return nil
}

var (
	messageEscapes  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func message(s string) string  { return messageEscapes.Replace(s) }
func property(s string) string { return propertyEscapes.Replace(text.Printable(s)) }

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
}

// writeJUnit writes one failed test for each finding, and one that passed where there is none.
func writeJUnit(w io.Writer, r *kinds.AuditReport) error {
	suite := junitSuite{Name: "killorder audit"}
	for i := range r.Items {
		f := &r.Items[i]
		c := junitCase{Name: text.Printable(object(f)), Class: f.Rule, File: text.Printable(f.File), Line: f.Line}
		if f.Ignored != "" {
			suite.Skipped++
			c.Skipped = &junitMessage{Message: text.OneLine(f.Ignored)}
		} else {
			suite.Failures++
			c.Failure = &junitMessage{Message: sentence(f), Type: f.Severity}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if len(suite.Cases) == 0 {
		suite.Cases = []junitCase{{Name: "no findings", Class: "killorder"}}
	}
	suite.Tests = len(suite.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
