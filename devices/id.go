package devices

import "fmt"

// MaxIDLength is the longest device id, in bytes.
const MaxIDLength = 64

// ID names a device: 1 to 64 characters of A-Z a-z 0-9 . _ : -, the first a
// letter or a digit. A value that came through ParseID is safe to compare,
// but is still quoted wherever it enters a query or a page.
type ID string

// InvalidIDError tells what is wrong with a text that was meant as a device id.
// It matches ErrInvalidID.
type InvalidIDError struct {
	Input   string // as it came; may be of any length and content
	Problem string // a sentence for a person
}

func (e *InvalidIDError) Error() string { return e.Problem }

// Is makes errors.Is(err, ErrInvalidID) true.
func (e *InvalidIDError) Is(target error) bool { return target == ErrInvalidID }

// ParseID is the one place where a text becomes a device id.
// Its error is an *InvalidIDError.
func ParseID(s string) (ID, error) {
	switch {
	case s == "":
		return "", &InvalidIDError{s, "A device id is needed."}
	case len(s) > MaxIDLength:
		return "", &InvalidIDError{s, fmt.Sprintf("A device id has at most %d characters; this one has %d.", MaxIDLength, len(s))}
	}
	for i := range len(s) {
		c := s[i]
		if alnum(c) {
			continue
		}
		if c != '.' && c != '_' && c != ':' && c != '-' {
			return "", &InvalidIDError{s, "An id has letters, digits, and . _ : - only."}
		}
		if i == 0 {
			return "", &InvalidIDError{s, "An id starts with a letter or a digit."}
		}
	}
	return ID(s), nil
}

func alnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// SuggestID makes a valid id that resembles s, or "" where nothing is left of it.
func SuggestID(s string) string {
	out := make([]byte, 0, MaxIDLength)
	gap := false
	for i := 0; i < len(s) && len(out) < MaxIDLength; i++ {
		c := s[i]
		switch {
		case alnum(c):
			if gap && len(out) > 0 && len(out) < MaxIDLength-1 {
				out = append(out, '-')
			}
			gap = false
			out = append(out, c)
		case (c == '.' || c == '_' || c == ':' || c == '-') && len(out) > 0 && !gap:
			out = append(out, c)
		default:
			gap = true
		}
	}
	return string(out)
}
