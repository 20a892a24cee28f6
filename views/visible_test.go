package views

import (
	"strings"
	"testing"
	"unicode"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"greenhouse-04":          "greenhouse-04",
		"Küche 日本 🌱":             "Küche 日本 🌱",
		"a\x00b":                 `a\u0000b`,
		"line\r\nbreak\t":        `line\u000D\u000Abreak\u0009`,
		"\x1b[31mred":            `\u001B[31mred`,
		"\x7f":                   `\u007F`,
		"\u0085":                 `\u0085`,
		"evil\u202egnp.exe":      `evil\u202Egnp.exe`,
		"\u2066a\u2069":          `\u2066a\u2069`,
		"zero\u200bwidth\ufeff":  `zero\u200Bwidth\uFEFF`,
		"no\u00a0break":          `no\u00A0break`,
		"line\u2028para\u2029":   `line\u2028para\u2029`,
		"blank\u3164":            `blank\u3164`,
		"tag\U000E0041":          `tag\U000E0041`,
		"half\xff\xc3":           `half\xFF\xC3`,
		"\uFFFD":                 "\uFFFD",
		`\u202E`:                 `\\u202E`,
		"<b>\"quotes\" & 'such'": "<b>\"quotes\" & 'such'",
	} {
		if got := Visible(in); got != want {
			t.Errorf("Visible(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"", "a", "\x00", "\u202e", "\xff", `\`, `\\u`, "\u3164"} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		out := Visible(a)
		if strings.ContainsFunc(out, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Visible(%q) = %q holds what cannot be seen", a, out)
		}
		if a != b && out == Visible(b) {
			t.Errorf("%q and %q look the same: %q", a, b, out)
		}
	})
}
