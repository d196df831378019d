// Command sum adds up what several runs of the suite counted, and says how sure the sums are:
//
//	go run ./sum run-1.log run-2.log
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"

	"github.com/killorder/killorder/test/e2e/interval"
)

// counted matches a line of the suite's tally: what was judged, how many predictions were right, and of how many. A line of
// a log may begin with a time.
var counted = regexp.MustCompile(`^(?:[\d:]{8} )?([^:]+: (?:predicted first victim|whole order) right): (\d+) of (\d+)`)

// ofSource matches what was judged, in a line of counted, if it is the first victim by one source. Such figures are also
// added up over all killers.
var ofSource = regexp.MustCompile(`, (source \w+)\b.*: predicted first victim right$`)

// sums are the figures by what was judged, in the order in which the runs first name them.
type sums struct {
	names      []string
	right, all map[string]int
}

func main() {
	s := sums{right: map[string]int{}, all: map[string]int{}}
	for _, name := range os.Args[1:] {
		if err := s.addFile(name); err != nil {
			fmt.Fprintln(os.Stderr, "sum:", err)
			os.Exit(1)
		}
	}
	s.print(os.Stdout)
}

func (s *sums) addFile(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	found, err := s.add(file)
	if err == nil && found == 0 {
		err = fmt.Errorf("%s has no figures: the run has not ended, or the file is no log of the suite", name)
	}
	return err
}

// add counts the lines of a log, and returns how many have figures.
func (s *sums) add(log io.Reader) (found int, err error) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := counted.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		right, errRight := strconv.Atoi(m[2])
		all, errAll := strconv.Atoi(m[3])
		if errRight != nil || errAll != nil || right > all {
			return found, fmt.Errorf("not a figure: %q", lines.Text())
		}
		s.count(m[1], right, all)
		if source := ofSource.FindStringSubmatch(m[1]); source != nil {
			s.count("all killers, "+source[1]+": predicted first victim right", right, all)
		}
		found++
	}
	return found, lines.Err()
}

func (s *sums) count(name string, right, all int) {
	if _, before := s.all[name]; !before {
		s.names = append(s.names, name)
	}
	s.right[name] += right
	s.all[name] += all
}

func (s *sums) print(w io.Writer) {
	for _, name := range s.names {
		if s.all[name] == 0 {
			continue
		}
		fmt.Fprintf(w, "%s: %d of %d%s\n", name, s.right[name], s.all[name], interval.Text(s.right[name], s.all[name]))
	}
}
