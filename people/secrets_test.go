package people

import (
	"strings"
	"testing"
)

func TestSecretsAreOfTheirShape(t *testing.T) {
	s := newSecret()
	if !isSecret(s) || len(s) != 43 {
		t.Errorf("%q is not taken for a secret", s)
	}
	for what, bad := range map[string]string{
		"nothing": "", "short": s[1:], "long": s + "A", "padded": s[:42] + "=", "another alphabet": s[:42] + "+",
		"a line break": s[:42] + "\n", "unused bits": strings.Repeat("A", 42) + "B", "a zero byte": s[:42] + "\x00",
	} {
		if isSecret(bad) {
			t.Errorf("%s is taken for a secret", what)
		}
	}
	if !isKeySecret("iotc_"+s) || isKeySecret(s) || isKeySecret("iotc_") || isKeySecret("IOTC_"+s) {
		t.Error("the secrets of API keys are not told from others")
	}
}

func TestHashesOfDifferentKindsDiffer(t *testing.T) {
	h, err := newHashes([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := newHashes([]byte("another secret"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, k := range []keyedHash{h.session, h.key, h.code, other.session, other.key, other.code} {
		seen[k.of("x")] = true
	}
	if len(seen) != 6 {
		t.Errorf("six hashes of one text are %d", len(seen))
	}
	if _, err := newHashes(nil); err == nil {
		t.Error("no secret will do")
	}
}

func FuzzIsSecret(f *testing.F) {
	f.Add(newSecret())
	f.Add("iotc_" + newSecret())
	f.Add(strings.Repeat("\n", 43))
	f.Fuzz(func(t *testing.T, s string) {
		if isKeySecret(s) && (len(s) != 48 || !isSecret(s[5:])) {
			t.Errorf("%q is taken for an API key", s)
		}
		if isSecret(s) && (len(s) != 43 || strings.ContainsFunc(s, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
		})) {
			t.Errorf("%q is taken for a secret", s)
		}
	})
}
