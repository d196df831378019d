//go:build !linux

package compare

import "errors"

var errNotLinux = errors.New("-apart needs Linux")

func readCores() (struct{}, error) { return struct{}{}, errNotLinux }

func (b *bench) placeApart() (restore func() error, err error) { return nil, errNotLinux }
