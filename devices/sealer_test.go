package devices

import (
	"errors"
	"strings"
	"testing"
)

func TestSealer(t *testing.T) {
	a, err := NewSealer([]byte("first secret"))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := NewSealer([]byte("second secret"))
	const token = "a-token-of-a-device=="
	sealed, err := a.Seal("dev1", token)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(sealed, token) {
		t.Fatal("the token can be read")
	}
	if again, _ := a.Seal("dev1", token); again == sealed {
		t.Error("two seals of a token are the same: the nonce is not random")
	}
	damaged := []byte(sealed)
	damaged[len(damaged)-3] ^= 1
	for name, c := range map[string]struct {
		s      *Sealer
		id     ID
		sealed string
		want   error
	}{
		"as it was":      {a, "dev1", sealed, nil},
		"another key":    {b, "dev1", sealed, ErrWrongKey},
		"another device": {a, "dev10", sealed, ErrWrongKey},
		"damaged":        {a, "dev1", string(damaged), ErrWrongKey},
		"cut":            {a, "dev1", sealed[:8], ErrWrongKey},
		"no format":      {a, "dev1", sealed[3:], ErrWrongKey},
		"empty":          {a, "dev1", "", ErrWrongKey},
		"no base64":      {a, "dev1", "v1.***", ErrWrongKey},
	} {
		got, err := c.s.Open(c.id, c.sealed)
		if !errors.Is(err, c.want) || (err == nil) != (got == token) {
			t.Errorf("%s: %q, %v, want %v", name, got, err, c.want)
		}
	}
	if _, err := NewSealer(nil); err == nil {
		t.Error("no secret was taken for one")
	}
	if _, err := a.Seal("dev1", ""); err == nil {
		t.Error("an empty token was sealed")
	}
}

func TestSealerHashAndCheck(t *testing.T) {
	a, _ := NewSealer([]byte("first secret"))
	same, _ := NewSealer([]byte("first secret"))
	other, _ := NewSealer([]byte("second secret"))
	if h := a.Hash("t"); h != same.Hash("t") || h == other.Hash("t") || h == a.Hash("u") || len(h) != 64 {
		t.Errorf("hash %q", h)
	}
	if h, ok := parseHash(a.Hash("t")); !ok || h.String() != a.Hash("t") {
		t.Error("a hash does not survive being read")
	}
	if _, ok := parseHash(strings.Repeat("x", 64)); ok {
		t.Error("no hex was taken for a hash")
	}
	if a.Check() != same.Check() || a.Check() == other.Check() || a.Check() == "" || !a.SameCheck(same.Check()) || a.SameCheck(other.Check()) {
		t.Error("the check value does not tell keys apart")
	}
}
