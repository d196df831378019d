package kernel

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
)

// kernelLog reads what the kernel logs from now on. It is nil where the log may not be read, and everything
// can be told without it but the order of two kills in one step.
type kernelLog struct{ fd int }

func openKernelLog() *kernelLog {
	fd, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	if _, err := syscall.Seek(fd, 0, 2); err != nil { // to the end: what others logged before is not ours
		return nil
	}
	return &kernelLog{fd}
}

func canReadKernelLog() bool {
	l := openKernelLog()
	defer l.close()
	return l != nil
}

// drain returns the messages since the last call.
func (l *kernelLog) drain() (messages []string) {
	if l == nil {
		return nil
	}
	record := make([]byte, 8192)
	for {
		n, err := syscall.Read(l.fd, record)
		if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EINTR) {
			continue // older messages were overwritten before they were read
		}
		if err != nil || n <= 0 {
			return messages
		}
		_, text, _ := strings.Cut(string(record[:n]), ";")
		text, _, _ = strings.Cut(text, "\n")
		messages = append(messages, text)
	}
}

func (l *kernelLog) close() {
	if l != nil {
		_ = syscall.Close(l.fd)
	}
}

// taskRow is one process in the table that the kernel logs before it kills, in bytes.
type taskRow struct {
	memoryOf
	adj int32
}

// logged is what the log says about kills among our own processes; others' are left out.
type logged struct {
	// killed pids in the kernel's order.
	killed []int
	// constraint and ran say what ran out, of the first kill: "constraint=" and "oom_memcg=" of the line "oom-kill:".
	constraint, ran string
	// table of the first kill. The kernel limits how often it prints one, so it may be empty.
	table map[int]taskRow
}

// parseKernelLog picks out of the messages what is about pids of ours.
func parseKernelLog(messages []string, ours map[int]bool) logged {
	l := logged{table: map[int]taskRow{}}
	var columns map[string]int
	for _, m := range messages {
		if reason, found := strings.CutPrefix(m, "oom-kill:"); found && len(l.killed) == 0 {
			l.constraint, l.ran = valueOf(reason, "constraint"), valueOf(reason, "oom_memcg")
		}
		if _, after, found := strings.Cut(m, "Killed process "); found {
			if pid := leadingNumber(after); ours[pid] {
				l.killed = append(l.killed, pid)
			}
			columns = nil
			continue
		}
		switch fields := tableFields(m); {
		case len(fields) > 0 && fields[0] == "pid":
			columns = positions(fields)
		case columns != nil && len(l.killed) == 0 && len(fields) == len(columns):
			if pid, row, ok := parseRow(fields, columns); ok && ours[pid] {
				l.table[pid] = row
			}
		}
	}
	return l
}

// valueOf a name in "name=value,name=value"; "" if the name is not there.
func valueOf(pairs, name string) string {
	for pair := range strings.SplitSeq(pairs, ",") {
		if value, found := strings.CutPrefix(pair, name+"="); found {
			return value
		}
	}
	return ""
}

// tableFields splits a line of the table, "[  pid  ]   uid  tgid ...": nil if it is none.
func tableFields(message string) []string {
	if !strings.HasPrefix(message, "[") {
		return nil
	}
	pid, rest, found := strings.Cut(message[1:], "]")
	if !found {
		return nil
	}
	return append([]string{strings.TrimSpace(pid)}, strings.Fields(rest)...)
}

// positions of the columns by name: kernels differ in them.
func positions(header []string) map[string]int {
	at := make(map[string]int, len(header))
	for i, name := range header {
		at[name] = i
	}
	return at
}

func parseRow(fields []string, columns map[string]int) (pid int, row taskRow, ok bool) {
	number := func(column string) int64 {
		i, there := columns[column]
		if !there {
			ok = false
			return 0
		}
		n, err := strconv.ParseInt(fields[i], 10, 64)
		ok = ok && err == nil
		return n
	}
	ok = true
	pid = int(number("pid"))
	row.rss = number("rss") * pageSize
	row.pageTables = number("pgtables_bytes")
	row.swap = number("swapents") * pageSize
	row.adj = int32(number("oom_score_adj"))
	return pid, row, ok
}

func leadingNumber(s string) int {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.Atoi(s[:end])
	if err != nil {
		return 0
	}
	return n
}
