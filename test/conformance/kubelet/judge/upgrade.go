//go:build !before_1_31

package main

import (
	"errors"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
)

// beforeUpgrade does something as the minor before this one would, as far as feature gates tell: what the API
// server stored then is still there now.
func beforeUpgrade(do func() error) error {
	gates := utilfeature.DefaultMutableFeatureGate
	now := gates.EmulationVersion()
	if err := gates.SetEmulationVersion(now.SubtractMinor(1)); err != nil {
		return err
	}
	return errors.Join(do(), gates.SetEmulationVersion(now))
}
