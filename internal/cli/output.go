package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/cli/text"
)

// output is how a command prints its result.
type output struct {
	*env
	format string
	top    int
	// terminal whose width and colour tables have, where Out is something else.
	terminal io.Writer
}

// The formats.
const (
	formatTable = "table"
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

var formats = []string{formatTable, formatWide, formatJSON, formatYAML}

// defaultTop is how much of each order tables show.
const defaultTop = 10

func (o *output) addFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&o.format, "output", "o", formatTable, "Output format: "+strings.Join(formats, "|"))
}

// validate returns an error of wrong usage.
func (o *output) validate() error {
	if o.top < 0 {
		return wrongUsage("invalid value %d for --top, must be 0 (all) or more", o.top)
	}
	return oneOf("output", o.format, formats)
}

// forPrograms reports whether the output is JSON or YAML.
func (o *output) forPrograms() bool { return o.format == formatJSON || o.format == formatYAML }

func (o *output) wide() bool { return o.format == formatWide }

// print writes a result: the object for programs, or what people does with the printer.
func (o *output) print(object any, people func(*table.Printer)) error {
	if o.forPrograms() {
		return o.object(object)
	}
	p := o.printer()
	people(p)
	return p.Flush()
}

// printer prints for people.
func (o *output) printer() *table.Printer {
	p := table.NewPrinter(o.Out, o.wide(), table.Colour(o.colour))
	if o.terminal != nil {
		p.As(o.terminal, table.Colour(o.colour))
	}
	return p
}

// object writes a value as JSON or YAML, whose texts are escaped where a terminal might act on them.
func (o *output) object(v any) error {
	var document bytes.Buffer
	e := json.NewEncoder(&document)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	out := text.EscapeJSON(document.Bytes())
	if o.format == formatYAML {
		var err error
		if out, err = text.YAML(document.Bytes()); err != nil {
			return fmt.Errorf("output: %w", err)
		}
	}
	_, err := o.Out.Write(out)
	return err
}

// notes prints what could not be read or used, a line each, each once.
func (o *output) notes(notes ...[]string) {
	seen := map[string]bool{}
	for _, note := range slices.Concat(notes...) {
		if !seen[note] {
			fmt.Fprintln(o.Err, "note:", text.OneLine(note))
		}
		seen[note] = true
	}
}
