package people

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of names, in characters.
const (
	maxName    = 64 // of an account
	maxKeyName = 64 // of an API key
)

// parseName reads an account's name as a person types it, and gives it in the form that is stored. *InvalidError.
func parseName(s string) (string, error) {
	invalid := func(problem string) (string, error) {
		return "", &InvalidError{Field: "username", Problem: problem}
	}
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return invalid("A user name is needed.")
	case len(s) > maxName:
		return invalid("At most 64 characters.")
	}
	out := make([]byte, len(s))
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			// Only these: Unicode knows other letters that have an ASCII letter as their lower case.
			c += 'a' - 'A'
		}
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		switch {
		case i == 0 && !letter && strings.IndexByte("._-@+", c) >= 0:
			return invalid("The first character has to be a letter or a digit.")
		case !letter && strings.IndexByte("._-@+", c) < 0:
			return invalid("Letters a to z, digits, and . _ - @ + only.")
		}
		out[i] = c
	}
	return string(out), nil
}

// parseKeyName reads an API key's name. *InvalidError.
func parseKeyName(s string) (string, error) {
	invalid := func(problem string) (string, error) { return "", &InvalidError{Field: "name", Problem: problem} }
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return invalid("A name is needed, so that the key is known again in the list.")
	case !utf8.ValidString(s), strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return invalid("Printable characters only.")
	case utf8.RuneCountInString(s) > maxKeyName:
		return invalid("At most 64 characters.")
	}
	return s, nil
}

// cut shortens a text to so many bytes and makes it valid UTF-8.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(s[:min(len(s), most+utf8.UTFMax)], "\uFFFD")
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
