package helium

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// EscapePort is a port's name as the value of a tag: what line protocol or InfluxQL could not carry is written as %XX,
// byte by byte. These are control characters, which line protocol forbids; the backslash, which its parsers read in
// different ways; spaces at the ends, which some of them trim; the replacement character, which stands for a fault in
// others; and % itself, so that no two ports have the same escape. The set must never change: stored tags depend on it.
func EscapePort(port string) string {
	var b strings.Builder
	done := 0
	for i, r := range port {
		atEnd := i == 0 || i == len(port)-1
		if r != '%' && r != '\\' && r != utf8.RuneError && !unicode.IsControl(r) && (r != ' ' || !atEnd) {
			continue
		}
		_, size := utf8.DecodeRuneInString(port[i:])
		b.WriteString(port[done:i])
		for _, c := range []byte(port[i : i+size]) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
		done = i + size
	}
	if done == 0 {
		return port
	}
	b.WriteString(port[done:])
	return b.String()
}

// UnescapePort is the reverse; a text that no escape made is taken as it is.
func UnescapePort(tag string) string {
	if strings.IndexByte(tag, '%') < 0 {
		return tag
	}
	plain := make([]byte, 0, len(tag))
	for i := 0; i < len(tag); i++ {
		if tag[i] != '%' {
			plain = append(plain, tag[i])
			continue
		}
		if i+2 >= len(tag) {
			return tag
		}
		high, low := hexDigit(tag[i+1]), hexDigit(tag[i+2])
		if high < 0 || low < 0 {
			return tag
		}
		plain = append(plain, byte(high<<4|low))
		i += 2
	}
	port := string(plain)
	if EscapePort(port) != tag {
		return tag
	}
	return port
}

// hexDigit is the value of a digit as EscapePort writes it, or -1.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// checkPort tells what is wrong with a port's name; "" if nothing is.
func checkPort(port string) string {
	switch {
	case port == "":
		return "is missing"
	case len(port) > MaxPort:
		return fmt.Sprintf("is longer than %d bytes", MaxPort)
	case !utf8.ValidString(port):
		return "is not valid UTF-8"
	}
	return ""
}
