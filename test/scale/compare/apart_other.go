//go:build !linux

package compare

import "errors"

var errNotLinux = errors.New("-apart needs Linux")

type cores struct{}

func readCores() (cores, error) { return cores{}, errNotLinux }

func (b *bench) placeApart() (restore func() error, err error) { return nil, errNotLinux }
