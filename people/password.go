package people

import (
	"crypto/rand"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of passwords.
const (
	minPassword = 12  // characters, of one that a person chooses
	minGiven    = 8   // characters, of one that the configuration gives
	maxPassword = 256 // bytes
)

// checkPassword tells what is wrong with a password that somebody chose for the account of this name. *InvalidError.
func checkPassword(name, password string) error {
	if err := checkLength(password, minPassword); err != nil {
		return err
	}
	if strings.EqualFold(strings.TrimSpace(password), name) {
		return &InvalidError{Field: "password", Problem: "The password must not be the user name."}
	}
	return nil
}

// checkLength tells what is wrong with any password. *InvalidError.
func checkLength(password string, least int) error {
	problem := ""
	switch {
	case len(password) > maxPassword:
		problem = fmt.Sprintf("At most %d bytes; this is longer.", maxPassword)
	case !utf8.ValidString(password):
		problem = "This is not valid text."
	case strings.ContainsFunc(password, unicode.IsControl):
		problem = "No tabs, line breaks or other control characters."
	case utf8.RuneCountInString(password) < least:
		problem = fmt.Sprintf("At least %d characters.", least)
	default:
		return nil
	}
	return &InvalidError{Field: "password", Problem: problem}
}

// passwordAlphabet has no characters that look alike: no i, l, 1, no o, 0. One more character would make 32.
const passwordAlphabet = "abcdefghjkmnpqrstuvwxyz23456789"

// newPassword makes a password that can be read out and typed: 20 characters in four groups, some 99 bits.
func newPassword() string {
	const groups, size = 4, 5
	var b strings.Builder
	one := make([]byte, 1)
	for n := 0; n < groups*size; {
		rand.Read(one)
		i := int(one[0] & 31)
		if i >= len(passwordAlphabet) {
			continue // each character is as likely as any other
		}
		if n > 0 && n%size == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(passwordAlphabet[i])
		n++
	}
	return b.String()
}
