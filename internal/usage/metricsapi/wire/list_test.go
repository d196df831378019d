package wire

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/killorder/killorder/internal/usage"
)

// envelope wraps a list's bytes as the API does.
func envelope(kind string, list []byte) []byte {
	meta := protowire.AppendString(protowire.AppendTag(nil, typeMetaKind, protowire.BytesType), kind)
	b := protowire.AppendBytes(protowire.AppendTag([]byte(Magic), unknownTypeMeta, protowire.BytesType), meta)
	return protowire.AppendBytes(protowire.AppendTag(b, unknownRaw, protowire.BytesType), list)
}

// TestAbsurdLengths: a length is checked before anything is allocated for it.
func TestAbsurdLengths(t *testing.T) {
	open := envelope("PodMetricsList", nil)
	open = open[:len(open)-1] // without the list's length
	tests := map[string][]byte{
		"an item larger than its list":  append(bytes.Clone(open), 3, listItems<<3|2, 100, 'x'),
		"an item larger than any":       protowire.AppendVarint(append(protowire.AppendVarint(bytes.Clone(open), 1<<62), listItems<<3|2), 1<<40),
		"a list larger than memory":     append(protowire.AppendVarint(bytes.Clone(open), 1<<63), listItems<<3|2, 0),
		"a type larger than any object": protowire.AppendVarint([]byte(Magic+"\x0a"), 1<<40),
		"a list that is a number":       append(bytes.Clone(open[:len(open)-1]), unknownRaw<<3, 7),
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			body = append(body, make([]byte, 200)...)
			if err := DecodeList(bytes.NewReader(body), "PodMetricsList", func([]byte) {}); !errors.Is(err, ErrGarbage) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// podQuantities is where a PodMetrics has its quantities.
var podQuantities = []Number{4, 2, 2, 1}

func TestParsable(t *testing.T) {
	container := func(quantity string) []byte {
		value := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), quantity)
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "memory")
		entry = protowire.AppendBytes(protowire.AppendTag(entry, 2, protowire.BytesType), value)
		usage := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), entry)
		return protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), usage)
	}
	for name, tc := range map[string]struct {
		message []byte
		want    bool
	}{
		"nothing":                    {nil, true},
		"a container":                {container("12Mi"), true},
		"what is no quantity":        {container("many"), true}, // Unmarshal reports this error
		"an absurd exponent":         {container("1e-9999999"), false},
		"one behind a good one":      {append(container("12Mi"), container("1E+2147483647")...), false},
		"as many containers as any":  {bytes.Repeat(container("1"), usage.MaxContainers), true},
		"more containers than any":   {bytes.Repeat(container("1"), usage.MaxContainers+1), false},
		"empty ones, more than any":  {bytes.Repeat([]byte{4<<3 | 2, 0}, usage.MaxContainers+1), false},
		"noise":                      {bytes.Repeat([]byte{0xff}, 30), false},
		"cut short":                  {container("12Mi")[:9], false},
		"a number in a list's place": {[]byte{4 << 3, 7}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Parsable(tc.message, podQuantities); got != tc.want {
				t.Errorf("%t, want %t", got, tc.want)
			}
		})
	}
}

// wanted is a name and, from a map of messages, the entry of memory.
var wanted = &Wanted{Fields: map[Number]*Wanted{
	1: {Fields: map[Number]*Wanted{1: nil}},
	4: {Fields: map[Number]*Wanted{1: nil, 2: {Keep: Entry("memory"), Fields: map[Number]*Wanted{1: nil, 2: nil}}}},
}}

func TestTrim(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"nothing":                    {"", ""},
		"what is not wanted":         {"\x12\x01x\x18\x07", ""},
		"a name beside labels":       {"\x0a\x0a\x0a\x03web\x5a\x03abc", "\x0a\x85\x80\x80\x00\x0a\x03web"},
		"of CPU and memory":          {"\x22\x15\x12\x07\x0a\x03cpu\x12\x00\x12\x0a\x0a\x06memory\x12\x00", "\x22\x8f\x80\x80\x00\x12\x8a\x80\x80\x00\x0a\x06memory\x12\x00"},
		"a number in a list's place": {"\x20\x07", "\x20\x07"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := wanted.Trim([]byte("before"), []byte(tc.in))
			if err != nil || string(got) != "before"+tc.want {
				t.Errorf("got %q, %v, want %q", got, err, "before"+tc.want)
			}
		})
	}
	for name, in := range map[string]string{"noise": "\xff\xff", "noise in a name": "\x0a\x02\xff\xff", "noise in an entry": "\x22\x04\x12\x02\xff\xff"} {
		if _, err := wanted.Trim(nil, []byte(in)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzDecode: no input panics, no item is larger than maxItem, and an item that was trimmed does not change when it is
// trimmed again.
func FuzzDecode(f *testing.F) {
	pod := []byte("\x0a\x0b\x0a\x03web\x1a\x04shop\x12\x05\x08\x80\x80\x80\x01\x22\x1a\x0a\x03app\x12\x13\x0a\x06memory\x12\x09\x0a\x07123456Ki")
	item := protowire.AppendBytes(protowire.AppendTag(nil, listItems, protowire.BytesType), pod)
	f.Add(envelope("PodMetricsList", append(item, item...)))
	f.Add(envelope("NodeMetricsList", item))
	f.Add([]byte(`{"kind":"PodMetricsList"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = DecodeList(bytes.NewReader(body), "PodMetricsList", func(item []byte) {
			if Parsable(item, podQuantities); len(item) > maxItem {
				t.Fatalf("an item of %d bytes", len(item))
			}
			trimmed, err := wanted.Trim(nil, item)
			if again, err2 := wanted.Trim(nil, trimmed); err == nil && (err2 != nil || !bytes.Equal(again, trimmed)) {
				t.Fatalf("trimmed again: %v\n%x\n%x", err2, trimmed, again)
			}
		})
	})
}
