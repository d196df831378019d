package main

import (
	"fmt"
	"html"
	"strings"
)

// width of every picture, in pixels; a phone shows three quarters of that.
const width = 500

// The colours, told apart without colour by their place and their words as well.
const (
	red, dark, light = "#c62828", "#37474f", "#cfd8dc"
	green, amber     = "#2e7d32", "#ef8f00"
	ink, faint       = "#1a1a1a", "#5f6b72"
)

// svg collects the elements of one picture.
type svg struct {
	elements strings.Builder
	height   int
}

func (s *svg) rect(x, y, w, h float64, colour string) {
	fmt.Fprintf(&s.elements, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x, y, max(w, 0), h, colour)
}

func (s *svg) line(x1, y1, x2, y2 float64, colour string) {
	fmt.Fprintf(&s.elements, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2, colour)
}

// text at a place; anchor is start, middle or end.
func (s *svg) text(x, y float64, anchor, colour, text string) {
	s.write(x, y, anchor, colour, "", text)
}

func (s *svg) bold(x, y float64, text string) {
	s.write(x, y, "start", ink, ` font-weight="bold"`, text)
}

func (s *svg) write(x, y float64, anchor, colour, more, text string) {
	fmt.Fprintf(&s.elements, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\"%s>%s</text>\n",
		x, y, anchor, colour, more, html.EscapeString(text))
}

// document is the whole file. The description is for those who cannot see the picture.
func (s *svg) document(description string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img"
  font-family="sans-serif" font-size="14">
<title>%s</title>
<rect width="100%%" height="100%%" fill="#ffffff"/>
%s</svg>
`, width, s.height, width, s.height, html.EscapeString(description), s.elements.String())
}
