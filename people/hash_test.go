package people

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
)

func TestPasswordHashesAreArgon2id(t *testing.T) {
	h := newHasher(today)
	stored, err := h.hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is %s", stored)
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterx": false, "": false} {
		ok, outdated, err := h.check(t.Context(), stored, password)
		if ok != want || outdated || err != nil {
			t.Errorf("%q gives %v, %v, %v", password, ok, outdated, err)
		}
	}
	again, err := h.hash(t.Context(), "correct horse battery")
	if err != nil || again == stored {
		t.Errorf("two hashes of one password are alike (%v)", err)
	}
}

// The argon2 package's own reference value, so that hashes of other programs can be taken over, and the other way.
func TestAKnownHashIsRead(t *testing.T) {
	// argon2 somesalt -id -t 2 -m 16 -p 1 -l 32, with the password "password".
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, outdated, err := newHasher(cheap).check(t.Context(), known, "password")
	if !ok || !outdated || err != nil {
		t.Errorf("got %v, %v, %v", ok, outdated, err)
	}
}

const someHash = "$argon2id$v=19$m=16,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestOtherHashesAreNotRead(t *testing.T) {
	if _, err := parseHash(someHash); err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string]string{
		"nothing":             "",
		"another kind":        strings.Replace(someHash, "argon2id", "argon2i", 1),
		"another version":     strings.Replace(someHash, "v=19", "v=16", 1),
		"huge memory":         strings.Replace(someHash, "m=16", "m=4294967295", 1),
		"too much memory":     strings.Replace(someHash, "m=16", "m=131073", 1),
		"too little memory":   strings.Replace(someHash, "m=16", "m=7", 1),
		"no pass":             strings.Replace(someHash, "t=1", "t=0", 1),
		"many passes":         strings.Replace(someHash, "t=1", "t=17", 1),
		"no thread":           strings.Replace(someHash, "p=1", "p=0", 1),
		"many threads":        strings.Replace(someHash, "m=16,t=1,p=1", "m=1024,t=1,p=17", 1),
		"a leading zero":      strings.Replace(someHash, "t=1", "t=01", 1),
		"a sign":              strings.Replace(someHash, "t=1", "t=+1", 1),
		"a space":             strings.Replace(someHash, "m=16", "m= 16", 1),
		"more parameters":     strings.Replace(someHash, "p=1", "p=1,x=1", 1),
		"padding":             someHash + "=",
		"a line break":        someHash + "\n",
		"a short salt":        strings.Replace(someHash, "$AAAAAAAAAAAAAAAAAAAAAA$", "$AAAA$", 1),
		"a short sum":         someHash[:strings.LastIndexByte(someHash, '$')] + "$AAAA",
		"an unused bit":       someHash[:len(someHash)-1] + "B",
		"one part more":       someHash + "$AAAA",
		"a very long garbage": "$argon2id$v=19$m=16,t=1,p=1$" + strings.Repeat("A", 1<<20) + "$AAAA",
	} {
		if h, err := parseHash(s); !errors.Is(err, errHash) || h.sum != nil {
			t.Errorf("%s is read as %v, %v", what, h, err)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(someHash)
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseHash(s)
		if err != nil {
			return
		}
		if h.String() != s {
			t.Errorf("%q is read as %q", s, h)
		}
		if h.memory > maxMemory || h.passes > maxPasses || h.threads > maxThreads || h.memory < 8 || h.passes < 1 || h.threads < 1 {
			t.Errorf("%q asks for too much or too little", s)
		}
	})
}

func TestOnlySoManyWaitForAHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(cheap)
		for range runtime.GOMAXPROCS(0) {
			if err := h.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, maxWaiting)
		for range maxWaiting {
			go func() {
				_, err := h.hash(ctx, "one that waits")
				left <- err
			}()
		}
		synctest.Wait()
		if _, _, err := h.check(t.Context(), "", "one too many"); !errors.Is(err, ErrBusy) {
			t.Errorf("one more gets %v; want ErrBusy", err)
		}
		h.leave()
		if err := <-left; err != nil {
			t.Errorf("one that waited gets %v", err)
		}
		if err := h.enter(ctx); err != nil { // takes the turn of one that waits, or waits among them
			t.Error(err)
		}
		cancel()
		for range maxWaiting - 1 {
			if err := <-left; err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("one that left gets %v", err)
			}
		}
		if h.waiting != 0 {
			t.Errorf("%d are said to wait; want none", h.waiting)
		}
	})
}
