package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// Load reads, checks and expands a scenario file. Its error is one line that
// names the file, the object and the field.
func Load(path string) (*Model, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	model, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return model, nil
}

// Parse is Load for content that is already in memory.
func Parse(data []byte) (*Model, error) {
	text, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return nil, errors.New(oneLine(err))
	}
	var f file
	if err := decodeStrict(text, &f); err != nil {
		return nil, err
	}
	if f.APIVersion != Version || f.Kind != "Scenario" {
		return nil, fmt.Errorf("apiVersion and kind: want %s Scenario, have %q %q", Version, f.APIVersion, f.Kind)
	}
	classes, err := compile(&f)
	if err != nil {
		return nil, err
	}
	return classes.expand()
}

// decodeEach decodes the entries of one list; an error names the entry.
func decodeEach[T any](list string, raw []json.RawMessage) ([]T, error) {
	out := make([]T, len(raw))
	for i, r := range raw {
		if err := decodeStrict(r, &out[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", entryName(list, i, r), err)
		}
	}
	return out, nil
}

// entryName is the name of an entry in errors: the entry's place in the list and,
// if the entry has a name, this name.
func entryName(list string, i int, raw json.RawMessage) string {
	var named struct{ Name, Namespace string }
	_ = json.Unmarshal(raw, &named) // ignore the error: the fields read before it are enough for a name
	switch {
	case named.Name == "":
		return fmt.Sprintf("%s[%d]", list, i)
	case named.Namespace == "":
		return fmt.Sprintf("%s[%d] %s", list, i, named.Name)
	}
	return fmt.Sprintf("%s[%d] %s/%s", list, i, named.Namespace, named.Name)
}

// decodeStrict refuses unknown fields and says which field has a wrong type.
func decodeStrict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: want %s, have a %s", wrongType.Field, wrongType.Type, wrongType.Value)
	}
	if err != nil {
		return errors.New(strings.TrimPrefix(oneLine(err), "json: "))
	}
	return nil
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
