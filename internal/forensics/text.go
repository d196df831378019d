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
	if plain(text, limit) {
		return text
	}
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

// plain reports whether oneLine has nothing to do: most texts are printable ASCII with single spaces.
func plain(text string, limit int) bool {
	if len(text) > limit {
		return false
	}
	space := true // so far, the text ends with a space, or is empty
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' || (space && text[i] == ' ') {
			return false
		}
		space = text[i] == ' '
	}
	return !space || text == ""
}

// oomWord reports whether a container's reason says OOM kill: OOMKilled, or what later kubelets and runtimes may say.
func oomWord(reason string) bool {
	return strings.Contains(strings.ToLower(reason), "oomkill")
}
