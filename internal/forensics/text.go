package forensics

import (
	"strings"
	"unicode"
)

const (
	maxMessage  = 160 // characters of Record.Message
	maxText     = 240 // characters of Evidence.Text
	maxEvidence = 12  // pieces of one record
	maxName     = 253 // bytes of a name, as the API server allows
	maxNote     = 1024
)

// oneLine makes text of others safe to print: no control or formatting characters, single spaces, at most limit
// characters.
func oneLine(text string, limit int) string {
	out := make([]rune, 0, min(len(text), limit+1))
	space := false
	for _, r := range text {
		switch {
		case len(out) > limit:
			return string(out[:limit-1]) + "…"
		case unicode.IsSpace(r):
			space = len(out) > 0
			continue
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			continue
		}
		if space {
			out, space = append(out, ' '), false
		}
		out = append(out, r)
	}
	if len(out) > limit {
		return string(out[:limit-1]) + "…"
	}
	return string(out)
}

// oomWord reports whether a container's reason says OOM kill: OOMKilled, or what later kubelets and runtimes may say.
func oomWord(reason string) bool {
	return strings.Contains(strings.ToLower(reason), "oomkill")
}
