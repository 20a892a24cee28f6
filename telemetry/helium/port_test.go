package helium

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPortsStayReadable(t *testing.T) {
	for _, c := range []struct{ port, tag string }{
		{"t", "t"},
		{"_se", "_se"},
		{"wu-tang", "wu-tang"},
		{"room temperature", "room temperature"},
		{"a,b=c", "a,b=c"},
		{`it's "so"`, `it's "so"`},
		{"výška 🐝", "výška 🐝"},
		{"100%", "100%25"},
		{"%41", "%2541"},
		{`C:\temp`, "C:%5Ctemp"},
		{" a ", "%20a%20"},
		{" ", "%20"},
		{"a\nb\x00", "a%0Ab%00"},
		{"\u0085", "%C2%85"},
		{"\x7f", "%7F"},
		{"a\uFFFD", "a%EF%BF%BD"},
	} {
		if got := EscapePort(c.port); got != c.tag {
			t.Errorf("the tag of %q is %q, want %q", c.port, got, c.tag)
		}
		if got := UnescapePort(c.tag); got != c.port {
			t.Errorf("the port of %q is %q, want %q", c.tag, got, c.port)
		}
	}
}

func TestATagThatNoEscapeMadeIsTakenAsItIs(t *testing.T) {
	for _, tag := range []string{"100%", "%4", "%zz", "%41", "%2f", "%0a", "%", "%%25", "a%20b"} {
		if got := UnescapePort(tag); got != tag {
			t.Errorf("%q became %q", tag, got)
		}
	}
}

// Distinct escapes follow from this: two ports with one escape could not both come back.
func TestEveryPortComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		port := drawPort(t)
		tag := EscapePort(port)
		if got := UnescapePort(tag); got != port {
			t.Fatalf("%q became %q by %q", port, got, tag)
		}
		if strings.ContainsAny(tag, "\\\n\r\x00") || strings.Trim(tag, " ") != tag {
			t.Fatalf("the tag %q of %q cannot be written", tag, port)
		}
	})
}

// drawPort draws a port that a body may have, odd ones more often than not.
func drawPort(t *rapid.T) string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"t", "b", "_e", "a,b", "a=b", " x ", "50%", "%2525", `\`, "\x00", "ž 🐝"}),
		rapid.StringN(1, 32, MaxPort).Filter(utf8.ValidString),
	).Draw(t, "port")
}

func FuzzPort(f *testing.F) {
	for _, s := range []string{"t", "%25", "a b", "\\", "%C2%85", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if utf8.ValidString(s) && UnescapePort(EscapePort(s)) != s {
			t.Errorf("%q does not come back", s)
		}
		if port := UnescapePort(s); port != s && EscapePort(port) != s {
			t.Errorf("the tag %q is not that of %q", s, port)
		}
	})
}
