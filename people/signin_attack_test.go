package people

import (
	"errors"
	"testing"
	"time"
)

// Whoever knows a password must not fill the memory and the disk of the app with sessions by signing in without end.
func TestSigningInWithoutEndIsThrottled(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	throttle := newThrottle(func() time.Time { return now })
	signIn := func(name, term string) error {
		try, err := throttle.begin(name, term, "192.0.2.7")
		if err == nil {
			try.succeed()
		}
		return err
	}
	for i := range signInLimit {
		if err := signIn("ann", "term"); err != nil {
			t.Fatalf("sign-in %d: %v", i, err)
		}
		now = now.Add(time.Second)
	}
	var tooMany *TooManyError
	if err := signIn("ann", "term"); !errors.As(err, &tooMany) || tooMany.RetryAfter != failureWindow-signInLimit*time.Second {
		t.Errorf("one more: %v", err)
	}
	if err := signIn("bob", "term"); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if err := signIn("ann", "another password"); !errors.As(err, &tooMany) {
		t.Errorf("after changing the password: %v", err)
	}
	now = now.Add(failureWindow)
	if err := signIn("ann", "term"); err != nil {
		t.Errorf("later: %v", err)
	}
}
