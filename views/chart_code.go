package views

import (
	"context"
	"io"
	"strings"

	"github.com/a-h/templ"

	"iotcenter/telemetry"
)

// coloredQuery shows a query with colours. It is Go and no template, because white space counts in a <pre>.
func coloredQuery(q telemetry.Explained) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b strings.Builder
		b.WriteString(`<pre class="code" tabindex="0" role="region" aria-label="` + templ.EscapeString(q.Title) + `"><code>`)
		for _, p := range colorQuery(q.Language, q.Text) {
			if p.Class == "" {
				b.WriteString(templ.EscapeString(p.Text))
				continue
			}
			b.WriteString(`<span class="` + p.Class + `">` + templ.EscapeString(p.Text) + `</span>`)
		}
		b.WriteString("</code></pre>")
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// codePiece is a piece of a query with the class of its colour: "k" keywords and functions, "s" texts and numbers,
// "c" comments, "" the rest.
type codePiece struct{ Class, Text string }

// colorQuery cuts a query into pieces. It is no parser: what it does not know has no colour, and all pieces together
// are the text again.
func colorQuery(language, text string) []codePiece {
	var out []codePiece
	put := func(class, s string) {
		if n := len(out); n > 0 && out[n-1].Class == class {
			out[n-1].Text += s
			return
		}
		out = append(out, codePiece{class, s})
	}
	for i := 0; i < len(text); {
		c := text[i]
		end := i + 1
		class := ""
		switch {
		case c == '"' || c == '\'' && language == "influxql":
			end, class = afterQuoted(text, i), "s"
		case c == '/' && strings.HasPrefix(text[i:], "//"):
			if end = strings.IndexByte(text[i:], '\n'); end < 0 {
				end = len(text)
			} else {
				end += i
			}
			class = "c"
		case isWord(c) && (c < '0' || c > '9'):
			for end < len(text) && isWord(text[end]) {
				end++
			}
			if isKeyword(language, text[i:end], text[end:]) {
				class = "k"
			}
		case '0' <= c && c <= '9':
			for end < len(text) && (isWord(text[end]) || text[end] == '.' || text[end] == ':' || text[end] == '-' && strings.ContainsRune(text[i:end], '-') ||
				text[end] == '-' && end-i == 4) {
				end++
			}
			class = "s"
		}
		put(class, text[i:end])
		i = end
	}
	return out
}

// afterQuoted finds the end of a text in quotes that begins at i.
func afterQuoted(text string, i int) int {
	quote := text[i]
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case '\\':
			j++
		case quote:
			return j + 1
		}
	}
	return len(text)
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isKeyword(language, word, rest string) bool {
	if language == "influxql" {
		return strings.HasPrefix(rest, "(") || word == strings.ToUpper(word) && len(word) > 1 && word[0] >= 'A'
	}
	switch word {
	case "and", "or", "not", "import", "option", "exists", "if", "then", "else", "return":
		return true
	}
	return strings.HasPrefix(rest, "(")
}
