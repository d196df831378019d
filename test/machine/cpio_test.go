package machine

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
)

// entry of an archive, as a reader of the format finds it.
type entry struct {
	mode int
	data string
}

func TestInitialRAMDisk(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "aligned": "four", "not aligned": "three bytes more"} {
		t.Run(name, func(t *testing.T) {
			var archive bytes.Buffer
			disk := NewInitialRAMDisk(&archive)
			for _, write := range []func() error{
				func() error { return disk.Directory("bin") },
				func() error { return disk.File("bin/program", []byte(content)) },
				disk.Close,
			} {
				if err := write(); err != nil {
					t.Fatal(err)
				}
			}
			got := readArchive(t, &archive)
			if d := got["bin"]; d.mode != cpioDirectory {
				t.Errorf("bin: want a folder, got mode %o", d.mode)
			}
			if f := got["bin/program"]; f.mode != cpioFile || f.data != content {
				t.Errorf("bin/program: want %q, got %q with mode %o", content, f.data, f.mode)
			}
			if _, ends := got["TRAILER!!!"]; !ends || len(got) != 3 {
				t.Errorf("want three entries, the last one the trailer, got %v", got)
			}
		})
	}
}

// readArchive reads the format as the kernel's documentation (driver-api/early-userspace/buffer-format) has it.
func readArchive(t *testing.T, archive io.Reader) map[string]entry {
	t.Helper()
	unpacked, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	found, rest := map[string]entry{}, string(data)
	aligned := func(n int) int { return (n + 3) &^ 3 }
	for rest != "" {
		if !strings.HasPrefix(rest, "070701") {
			t.Fatalf("no entry begins at %.20q", rest)
		}
		field := func(i int) (n int) {
			if _, err := fmt.Sscanf(rest[6+8*i:14+8*i], "%08X", &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		const mode, size, nameSize, header = 1, 6, 11, 110
		begin := aligned(header + field(nameSize))
		found[rest[header:header+field(nameSize)-1]] = entry{field(mode), rest[begin : begin+field(size)]}
		rest = rest[aligned(begin+field(size)):]
	}
	return found
}
