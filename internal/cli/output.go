package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// output is how results are printed.
type output struct {
	format string
	top    int
}

// The formats.
const (
	formatTable = "table"
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

var formats = []string{formatTable, formatWide, formatJSON, formatYAML}

const defaultTop = 10

func (o *output) addFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&o.format, "output", "o", formatTable, "Output format: "+strings.Join(formats, "|"))
	flags.IntVar(&o.top, "top", defaultTop, "How much of each order to show; 0 is all")
}

// validate returns an error of wrong usage.
func (o *output) validate() error {
	if !slices.Contains(formats, o.format) {
		return fmt.Errorf("invalid value %q for --output, must be one of %s", o.format, strings.Join(formats, ", "))
	}
	if o.top < 0 {
		return fmt.Errorf("invalid value %d for --top, must be 0 (all) or more", o.top)
	}
	return nil
}

// object writes a value as JSON or YAML.
func (o *output) object(w io.Writer, v any) error {
	if o.format == formatYAML {
		text, err := yaml.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
