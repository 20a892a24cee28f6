package views

import (
	"net/url"
	"strconv"
	"strings"
)

// APIDocsPage describes one group of the APIs.
type APIDocsPage struct {
	Shell
	BaseURL   string // how programs reach the app
	Groups    []APIGroup
	Current   APIGroup
	Language  string // of the snippets: one of APILanguages; "" is the first
	Endpoints []APIEndpoint
}

// APIGroup is a part of the APIs.
type APIGroup struct{ Name, Title, About string }

// APIEndpoint is a route as people read it.
type APIEndpoint struct {
	Method, Path string
	Title, About string
	Who          string // whose credential it takes, in words
	Credential   string // "key", "token", or "" for none
	Parameters   []APIParameter
	Kind         string // media type of the body; "" without one
	Answers      []APIAnswer

	// What the snippet sends: the path with its variables filled in, a query, a body.
	ExamplePath, ExampleQuery, ExampleBody string
}

// APIParameter is a parameter of the query.
type APIParameter struct{ Name, About string }

// APIAnswer is a success.
type APIAnswer struct {
	Status int
	About  string
}

// APILanguages are the languages of the snippets.
func APILanguages() []struct{ Name, Title string } {
	return []struct{ Name, Title string }{{"curl", "curl"}, {"python", "Python"}, {"go", "Go"}}
}

// language is the chosen one, or the first.
func (p APIDocsPage) language() string {
	for _, l := range APILanguages() {
		if l.Name == p.Language {
			return l.Name
		}
	}
	return APILanguages()[0].Name
}

// APIDocsPath is the address of a group's page; language may be "".
func APIDocsPath(group, language string) string {
	path := "/api-docs/" + url.PathEscape(group)
	if language != "" {
		path += "?lang=" + url.QueryEscape(language)
	}
	return path
}

// anchor names an endpoint within its page.
func (e APIEndpoint) anchor() string {
	words := strings.FieldsFunc(strings.ToLower(e.Method+" "+e.Path), func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9') })
	return strings.Join(words, "-")
}

// pathParts cuts the path at its variables, which are set apart.
func (e APIEndpoint) pathParts() []CodePiece {
	var out []CodePiece
	for rest := e.Path; rest != ""; {
		before, inside, found := strings.Cut(rest, "{")
		if before != "" {
			out = append(out, CodePiece{Text: before})
		}
		if !found {
			break
		}
		name, after, _ := strings.Cut(inside, "}")
		out = append(out, CodePiece{"v", "{" + name + "}"})
		rest = after
	}
	return out
}

// Snippet is the endpoint's example in one language. All that comes from outside is quoted for it.
func (e APIEndpoint) Snippet(base, language string) Snippet {
	address := safeText(base) + e.ExamplePath
	if e.ExampleQuery != "" {
		address += "?" + e.ExampleQuery
	}
	switch language {
	case "python":
		return Snippet{Name: language, Title: "Python", Lines: code(e.python(address)...)}
	case "go":
		return Snippet{Name: language, Title: "Go", Lines: code(e.golang(address)...)}
	default:
		return Snippet{Name: "curl", Title: "curl", Lines: code(e.curl(address)...)}
	}
}

// streaming tells that the answer does not end by itself.
func (e APIEndpoint) streaming() bool { return strings.HasSuffix(e.Path, "/live") }

func (e APIEndpoint) curl(address string) []string {
	flags := ""
	if e.streaming() {
		flags = "-N "
	}
	if e.Method != "GET" {
		flags += "-X " + e.Method + " "
	}
	lines := []string{`curl ` + flags + `⟦s '` + address + `'⟧`}
	add := func(line string) {
		lines[len(lines)-1] += ` \`
		lines = append(lines, `  `+line)
	}
	switch e.Credential {
	case "key":
		add(`-H ⟦s "Authorization: Bearer $API_KEY"⟧`)
	case "token":
		add(`-H ⟦s "Authorization: Token $TOKEN"⟧`)
	}
	if e.ExampleBody != "" {
		add(`-H ⟦s 'Content-Type: ` + e.Kind + `'⟧`)
		add(`-d ⟦s '` + strings.ReplaceAll(e.ExampleBody, `'`, `'\''`) + `'⟧`)
	}
	return lines
}

func (e APIEndpoint) python(address string) []string {
	lines := []string{`⟦k import⟧ os, requests`, ``}
	call := `requests.request(⟦s "` + e.Method + `"⟧, ⟦s ` + strconv.QuoteToASCII(address) + `⟧`
	switch e.Credential {
	case "key":
		lines = append(lines, `headers = {⟦s "Authorization"⟧: ⟦s "Bearer "⟧ + os.environ[⟦s "API_KEY"⟧]}`)
	case "token":
		lines = append(lines, `headers = {⟦s "Authorization"⟧: ⟦s "Token "⟧ + os.environ[⟦s "TOKEN"⟧]}`)
	}
	if e.Credential != "" {
		call += `, headers=headers`
	}
	if e.ExampleBody != "" {
		if e.Credential == "" {
			lines = append(lines, `headers = {}`)
		}
		lines = append(lines, `headers[⟦s "Content-Type"⟧] = ⟦s "`+e.Kind+`"⟧`, `body = ⟦s '`+strings.ReplaceAll(strings.ReplaceAll(e.ExampleBody, `\`, `\\`), `'`, `\'`)+`'⟧`)
		call += `, data=body`
	}
	if e.streaming() {
		return append(lines, `⟦k with⟧ `+call+`, stream=True) ⟦k as⟧ answer:`, `    ⟦k for⟧ line ⟦k in⟧ answer.iter_lines():`, `        print(line.decode())`)
	}
	return append(lines, `answer = `+call+`)`, `answer.raise_for_status()`, `print(answer.text)`)
}

func (e APIEndpoint) golang(address string) []string {
	body, lines := "nil", []string(nil)
	if e.ExampleBody != "" {
		lines, body = append(lines, `body := strings.NewReader(⟦s `+goText(e.ExampleBody)+`⟧)`), "body"
	}
	lines = append(lines, `req, err := http.NewRequest(⟦s "`+e.Method+`"⟧, ⟦s `+strconv.QuoteToASCII(address)+`⟧, `+body+`)`,
		`⟦k if⟧ err != nil {`, `	⟦k return⟧ err`, `}`)
	switch e.Credential {
	case "key":
		lines = append(lines, `req.Header.Set(⟦s "Authorization"⟧, ⟦s "Bearer "⟧+os.Getenv(⟦s "API_KEY"⟧))`)
	case "token":
		lines = append(lines, `req.Header.Set(⟦s "Authorization"⟧, ⟦s "Token "⟧+os.Getenv(⟦s "TOKEN"⟧))`)
	}
	if e.ExampleBody != "" {
		lines = append(lines, `req.Header.Set(⟦s "Content-Type"⟧, ⟦s "`+e.Kind+`"⟧)`)
	}
	return append(lines, `resp, err := http.DefaultClient.Do(req)`, `⟦k if⟧ err != nil {`, `	⟦k return⟧ err`, `}`, `⟦k defer⟧ resp.Body.Close()`, `_, err = io.Copy(os.Stdout, resp.Body)`)
}

// goText is a text in Go, without escapes where it can be.
func goText(s string) string {
	if strings.ContainsAny(s, "`\n") {
		return strconv.QuoteToASCII(s)
	}
	return "`" + s + "`"
}
