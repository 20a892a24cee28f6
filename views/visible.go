package views

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible writes a text that a stranger chose so that nothing in it acts on what stands around it, and nothing in it is
// unseen: control characters, marks that turn the direction of writing, line separators, characters without a shape, and
// bytes that are no UTF-8 become codes like \u0000, \u202E and \xFF. A backslash is doubled, so that no text can pass for
// another.
func Visible(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02X`, s[i])
		case r == '\\':
			b.WriteString(`\\`)
		case !shapeless(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
		i += size
	}
	return b.String()
}

// shapeless tells whether a character shows nothing of its own. Four letters of Hangul are printable by their class,
// and blank.
func shapeless(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0':
		return true
	}
	return !unicode.IsPrint(r) // a space is printable, every other kind of space is not
}
