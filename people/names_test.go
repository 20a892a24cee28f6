package people

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAccountNames(t *testing.T) {
	for in, want := range map[string]string{
		"ada": "ada", " Ada\t": "ada", "A.B_c-d@example.com": "a.b_c-d@example.com", "a+b": "a+b", "7": "7",
		strings.Repeat("x", 64): strings.Repeat("x", 64),
	} {
		if got, err := parseName(in); got != want || err != nil {
			t.Errorf("%q gives %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "  ", ".ada", "-ada", "@ada", "a b", "a\nb", "a/b", "ädä", "\u212Aevin", "a\x00", "a\xff", "<b>", strings.Repeat("x", 65),
	} {
		_, err := parseName(in)
		invalid(t, err, "username")
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"ada", " Ada ", "\u212Aevin", "a@b", "", "a\x00"} {
		f.Add(s)
	}
	shape := regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,63}$`)
	f.Fuzz(func(t *testing.T, s string) {
		name, err := parseName(s)
		if err != nil {
			if name != "" {
				t.Errorf("%q is invalid and yet gives %q", s, name)
			}
			return
		}
		if !shape.MatchString(name) {
			t.Errorf("%q gives %q", s, name)
		}
		if again, err := parseName(name); again != name || err != nil {
			t.Errorf("%q gives %q, which gives %q, %v", s, name, again, err)
		}
	})
}

func FuzzCut(f *testing.F) {
	f.Add("plain", 3)
	f.Add("ä€𝄞\xff\xfe", 4)
	f.Fuzz(func(t *testing.T, s string, most int) {
		if most < 0 || most > 1000 {
			return
		}
		got := cut(s, most)
		if len(got) > most || !utf8.ValidString(got) {
			t.Errorf("%q cut to %d gives %q", s, most, got)
		}
		if utf8.ValidString(s) && !strings.HasPrefix(s, got) {
			t.Errorf("%q cut to %d gives %q, which is not its beginning", s, most, got)
		}
		if utf8.ValidString(s) && len(s) <= most && got != s {
			t.Errorf("%q needs no cut and gives %q", s, got)
		}
	})
}
