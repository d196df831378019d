//go:build before_1_31

package main

// beforeUpgrade does something as this version does: the feature gates of these versions cannot be set to those of another
// minor.
func beforeUpgrade(do func() error) error { return do() }
