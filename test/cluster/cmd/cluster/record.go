package main

import (
	"errors"
	"os"

	"github.com/killorder/killorder/test/cluster/recording"
)

// runRecord draws a demo's output.
func runRecord(args []string) error {
	flags := newFlags("record")
	from := flags.String("from", "", "`file` with what the demo printed, in color")
	to := flags.String("to", "", "SVG `file` to write")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *from == "" || *to == "" {
		return errors.New("record: --from and --to are needed")
	}
	text, err := os.ReadFile(*from)
	if err != nil {
		return err
	}
	file, err := os.Create(*to)
	if err != nil {
		return err
	}
	return errors.Join(recording.Write(file, string(text)), file.Close())
}
