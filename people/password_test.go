package people

import (
	"regexp"
	"strings"
	"testing"
)

func TestChosenPasswords(t *testing.T) {
	for _, good := range []string{"twelve chars", "zwölf Zeiche", strings.Repeat("x", 256), "adaadaadaada"} {
		if err := checkPassword("ada", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for what, bad := range map[string]string{
		"nothing": "", "short": "eleven char", "few but wide characters": strings.Repeat("€", 11), "long": strings.Repeat("x", 257),
		"not text": "twelve chars\xff", "a line break": "twelve chars\n", "a zero byte": "twelve chars\x00", "C1": "twelve chars\u0085",
	} {
		t.Run(what, func(t *testing.T) { invalid(t, checkPassword("ada", bad), "password") })
	}
	invalid(t, checkPassword("ada.lovelace@example", " Ada.Lovelace@Example"), "password")
}

func TestGeneratedPasswordsCanBeReadOut(t *testing.T) {
	shape := regexp.MustCompile(`^[a-hjkmnp-z2-9]{5}(-[a-hjkmnp-z2-9]{5}){3}$`)
	seen := map[string]bool{}
	for range 1000 {
		p := newPassword()
		if !shape.MatchString(p) || strings.ContainsAny(p, "il1o0") {
			t.Fatalf("%q", p)
		}
		if err := checkPassword("admin", p); err != nil {
			t.Fatal(err)
		}
		seen[p] = true
	}
	if len(seen) != 1000 {
		t.Errorf("of 1000 passwords %d differ", len(seen))
	}
}
