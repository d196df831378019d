package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/crdify/pkg/config"
	"sigs.k8s.io/crdify/pkg/runner"
	"sigs.k8s.io/crdify/pkg/validations"
	"sigs.k8s.io/yaml"
)

// policy is crdify's strictest: a change that none of its rules knows counts as breaking, too. Only the text of a
// description may change as it likes.
func policy() *config.Config {
	return &config.Config{
		UnhandledEnforcement: config.EnforcementPolicyError,
		Conversion:           config.ConversionPolicyNone,
		Validations:          []config.ValidationConfig{{Name: "description", Enforcement: config.EnforcementPolicyNone}},
	}
}

// compareFolders returns one line for each change from the CRDs of one folder to those of another that breaks who stores
// or reads the older ones, in the order of their names. A CRD that is gone is one.
func compareFolders(older, newer string) ([]string, error) {
	was, err := read(older)
	if err != nil {
		return nil, err
	}
	is, err := read(newer)
	if err != nil {
		return nil, err
	}
	run, err := runner.New(policy(), runner.DefaultRegistry())
	if err != nil {
		return nil, fmt.Errorf("crdify: %w", err)
	}
	var broken []string
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if is[name] == nil {
			broken = append(broken, name+": the definition is gone, and with it every object")
			continue
		}
		broken = append(broken, errorsOf(name, run.Run(was[name], is[name]))...)
	}
	return broken, nil
}

// read the CRDs of a folder, by name. Every .yaml file must be one.
func read(folder string) (map[string]*apiextensionsv1.CustomResourceDefinition, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", folder, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("folder %s holds no .yaml file", folder)
	}
	crds := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, crd); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if crd.Kind != "CustomResourceDefinition" || crd.Name == "" {
			return nil, fmt.Errorf("%s: kind %q, name %q: not a CustomResourceDefinition", file, crd.Kind, crd.Name)
		}
		crds[crd.Name] = crd
	}
	return crds, nil
}

// errorsOf a comparison, a line each, sorted: crdify keeps some of them in maps.
func errorsOf(name string, results *runner.Results) (lines []string) {
	add := func(where string, found validations.ComparisonResult) {
		for _, text := range found.Errors {
			lines = append(lines, fmt.Sprintf("%s: %s%s: %s", name, where, found.Name, text))
		}
	}
	for _, found := range results.CRDValidation {
		add("", found)
	}
	for _, version := range slices.Concat(results.SameVersionValidation, results.ServedVersionValidation) {
		for _, property := range version.PropertyComparisons {
			for _, found := range property.ComparisonResults {
				add(version.Version+" "+property.Property+": ", found)
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
