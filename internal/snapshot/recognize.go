package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"unicode"
)

// output is text that people send in place of objects. It cannot serve, and the message says what would.
type output struct {
	begins *regexp.Regexp
	// what the text is, and what would serve instead.
	what, instead string
	// quoted: the message shows the first line, since that line says what went wrong.
	quoted bool
	// skipped: objects may follow, which are read where files are taken as found.
	skipped bool
}

const (
	insteadObjects = "kubectl get nodes,pods -A -o json"
	insteadMetrics = "kubectl get --raw /apis/metrics.k8s.io/v1beta1/pods, and .../nodes"
)

// outputs are known by how they begin, in this order.
var outputs = []output{
	{
		begins: regexp.MustCompile(`^(NAMESPACE|NAME|POD)\s.*(CPU\(cores\)|MEMORY\(bytes\)|CPU%|MEMORY%)`),
		what:   "is the table of kubectl top, which is rounded and has no times", instead: insteadMetrics,
	},
	{
		begins: regexp.MustCompile(`^\S+(\s+\S+){0,2}\s+\d+m\s+(\d+%\s+)?\d+([KMG]i)?(\s+\d+%)?\s*(\n|$)`),
		what:   "is the table of kubectl top, which is rounded and has no times", instead: insteadMetrics,
	},
	{
		begins: regexp.MustCompile(`^Name:\s+\S+\s*\n(Namespace|Roles|Labels|Priority|Annotations):`),
		what:   "is the text of kubectl describe, which leaves out what the orders rest on", instead: insteadObjects,
	},
	{
		begins: regexp.MustCompile(`^(NAMESPACE|NAME)(\s+[A-Z][A-Z0-9()_-]+)+\s*(\n|$)`),
		what:   "is a table of kubectl get, which leaves out what the orders rest on", instead: insteadObjects,
	},
	{
		begins: regexp.MustCompile(`^(pod|node|namespace)s?/\S+\s*(\n|$)`),
		what:   "is a list of names only, as of kubectl get -o name", instead: insteadObjects,
	},
	{
		begins: regexp.MustCompile(`(?i)^(Error from server|error: |The connection to the server|Unable to connect|Please enter Username)`),
		what:   "holds an error of kubectl in place of objects", instead: "the same command once it succeeds", quoted: true,
	},
	{
		begins: regexp.MustCompile(`^No resources found`),
		what:   "holds no objects", instead: insteadObjects, quoted: true,
	},
	{
		begins:  regexp.MustCompile(`^(Warning: |[IWEF]\d{4} \d\d:\d\d:\d\d|Flag -|W: )`),
		what:    "begins with a message of kubectl that is not part of the objects",
		instead: "the same command without 2>&1, or the file without that line", quoted: true, skipped: true,
	},
	{
		begins: regexp.MustCompile(`(?i)^<(!doctype|html|\?xml)`),
		what:   "is a web page, such as a proxy's or a login's, in place of an answer", instead: insteadObjects,
	},
	{
		begins: startOfLogs,
		what:   "holds logs", instead: insteadObjects,
	},
}

// startOfLogs is the line before a container's logs in what kubectl cluster-info dump prints
// (k8s.io/kubectl/pkg/cmd/clusterinfo/clusterinfo_dump.go, v0.37.2).
var startOfLogs = regexp.MustCompile(`^==== START logs for container (\S+ of pod \S+) ====\r?\n`)

// recognize returns what the text is that begins so, nil if that is none of the outputs.
func recognize(head []byte) *output {
	for i := range outputs {
		if outputs[i].begins.Match(head) {
			return &outputs[i]
		}
	}
	return nil
}

func (o *output) say(head []byte) string {
	quote := ""
	if o.quoted {
		quote = fmt.Sprintf(" (%.*q)", mostExcerpt*4, FirstLine(string(head)))
	}
	return fmt.Sprintf("%s%s: what serves is %s", o.what, quote, o.instead)
}

// mostMessages are the lines before the objects that are skipped.
const mostMessages = 100

// afterMessages reads what follows the messages of kubectl at the beginning of a file, and notes them.
func (c *collector) afterMessages(f *file, r *bufio.Reader) error {
	for range mostMessages {
		rest, err := discardBlank(r)
		if err != nil {
			return f.unreadable(err)
		}
		if what := recognize(rest); what == nil || !what.skipped {
			return c.text(f, r, rest)
		}
		c.omitted.count(omittedMessages, f.name+": "+FirstLine(string(rest)))
		if err := skipLine(r); err != nil && !errors.Is(err, io.EOF) {
			return f.unreadable(err)
		}
	}
	return f.fault(omittedForeign, "holds messages in place of objects")
}

// discardBlank discards blank space, and returns the beginning of what follows.
func discardBlank(r *bufio.Reader) ([]byte, error) {
	for {
		head, err := r.Peek(peekSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		rest := bytes.TrimLeftFunc(head, unicode.IsSpace)
		if _, err := r.Discard(len(head) - len(rest)); err != nil {
			return nil, err
		}
		if len(rest) > 0 || len(head) == 0 {
			return rest, nil
		}
	}
}

// skipLine reads to the end of a line, however long it is.
func skipLine(r *bufio.Reader) error {
	for {
		_, err := r.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// skipLogs reads the logs of one container, up to the line that ends them, and returns how many lines there were. The
// container's author cannot end them early but by knowing that line.
func skipLogs(r *bufio.Reader) (lines int, err error) {
	first, err := r.ReadSlice('\n')
	match := startOfLogs.FindSubmatch(first)
	if match == nil {
		return 0, err
	}
	lines = 1
	end := fmt.Appendf(nil, "==== END logs for container %s ====", match[1])
	for {
		lines++
		line, err := r.ReadSlice('\n')
		if bytes.Contains(line, end) { // not at its beginning where the log's last line does not end
			return lines, nil
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			err = skipLine(r)
		}
		if err != nil {
			return lines, err
		}
	}
}
