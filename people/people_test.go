package people

import "testing"

func TestRolesAndLevelsAreReadAsTheyAreWritten(t *testing.T) {
	for r := Viewer; r <= Admin; r++ {
		if got, ok := ParseRole(r.String()); got != r || !ok {
			t.Errorf("%q gives %v, %v", r.String(), got, ok)
		}
	}
	for l := Overview; l <= Administer; l++ {
		if got, ok := ParseLevel(l.String()); got != l || !ok {
			t.Errorf("%q gives %v, %v", l.String(), got, ok)
		}
	}
	for _, s := range []string{"", "root", "Admin", "overview"} {
		if r, ok := ParseRole(s); ok || r != NoRole {
			t.Errorf("%q is the role %v", s, r)
		}
		if l, ok := ParseLevel(s); ok || l != NoLevel {
			t.Errorf("%q is the level %v", s, l)
		}
	}
	for _, s := range []string{Role(-1).String(), Role(99).String(), Level(-1).String(), Level(99).String(), NoRole.String()} {
		if s != "" {
			t.Errorf("what is none is called %q", s)
		}
	}
}

func TestEveryActionIsListedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range Actions() {
		if a == "" || seen[a] {
			t.Errorf("%q is listed twice or empty", a)
		}
		seen[a] = true
	}
}
