package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitFine = iota
	// exitUnreadable: the input or the cluster could not be read, or the output not written.
	exitUnreadable
	// exitUsage: no such command, flag or value.
	exitUsage
	// exitFailOn: audit found what --fail-on asks about.
	exitFailOn
)

// statusError is an error with an exit status of its own; every other error is exitUnreadable.
type statusError struct {
	error
	status int
}

func (e *statusError) Unwrap() error { return e.error }

func statusOf(err error) int {
	if e := (*statusError)(nil); errors.As(err, &e) {
		return e.status
	}
	return exitUnreadable
}

func wrongUsage(format string, args ...any) error {
	return &statusError{fmt.Errorf(format, args...), exitUsage}
}

// arguments makes errors of a command's arguments errors of wrong usage.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &statusError{err, exitUsage}
		}
		return nil
	}
}
