// Package recording draws what the demo printed as an SVG that shows one scene
// after another. The README shows an SVG, not a video, because an SVG needs no
// player and its text stays text.
package recording

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Columns is the width of the terminal that is drawn, Rows its height. Longer
// lines wrap; a scene of more rows takes several pages.
const (
	Columns = 100
	Rows    = 30
)

// titleMark begins the first line of a scene (see test/cluster/demo, title).
const titleMark = "==> "

// page is one picture of the recording.
type page struct {
	lines []line
	shown time.Duration
}

// Write reads what the demo printed, from its first scene on, and draws it. The
// same text gives the same bytes.
func Write(out io.Writer, text string) error {
	pages := split(text)
	if len(pages) == 0 {
		return fmt.Errorf("no line begins with %q: that is not what the demo prints", titleMark)
	}
	_, err := io.WriteString(out, draw(pages))
	return err
}

// split turns the scenes into pages. It drops the lines before the first title,
// which come from the build, and titles without text below: the last title says
// only that the demo ends.
func split(text string) (pages []page) {
	var scenes [][]line
	for raw := range strings.Lines(text) {
		wrapped := wrap(parse(strings.TrimRight(raw, "\r\n")), Columns)
		if strings.HasPrefix(wrapped[0].text(), titleMark) {
			scenes = append(scenes, nil)
		}
		if len(scenes) > 0 {
			scenes[len(scenes)-1] = append(scenes[len(scenes)-1], wrapped...)
		}
	}
	for i, scene := range scenes {
		if scene = trim(scene); i > 0 && len(scene) > 1 { // scene 0 is the list of programs
			pages = append(pages, paginate(scene)...)
		}
	}
	return pages
}

// trim drops empty lines at the end.
func trim(lines []line) []line {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1].text()) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// paginate repeats the scene's title at the head of each page.
func paginate(scene []line) (pages []page) {
	title, rest := scene[0], scene[1:]
	for len(rest) > 0 {
		n := min(len(rest), Rows-1)
		lines := append([]line{title}, rest[:n]...)
		pages = append(pages, page{lines, readingTime(n)})
		rest = rest[n:]
	}
	return pages
}

// readingTime gives a page of text the time that a reader who skims it needs.
func readingTime(lines int) time.Duration {
	return 3*time.Second + time.Duration(lines)*200*time.Millisecond
}
