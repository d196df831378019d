// Package broken breaks copies of what is shipped, so that tests see each check fail.
package broken

import (
	"bytes"
	"os"
	"testing"
)

// ReplaceOnce replaces the first occurrence of a text in a file. A file without the text fails the test, because the copy
// would then not be broken.
func ReplaceOnce(t testing.TB, path, find, put string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(find)) {
		t.Fatalf("%s: no %q to break", path, find)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(find), []byte(put), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}
