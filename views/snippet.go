package views

import (
	"context"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"iotcenter/devices"
)

// Snippet is code that connects a device, in one language.
type Snippet struct {
	Name  string // in addresses: "curl"
	Title string
	Note  string // a sentence below the code
	Lines []CodeLine
}

// CodeLine is a line of code, cut into pieces of one colour each.
type CodeLine []CodePiece

// CodePiece is a piece of a line. Class is "k" for a keyword, "s" for a string, "c" for a comment, or "".
type CodePiece struct{ Class, Text string }

// Text is the code without its colours.
func (s Snippet) Text() string {
	var b strings.Builder
	for _, line := range s.Lines {
		for _, p := range line {
			b.WriteString(p.Text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// codeLines draws code. It is plain Go, since every space counts in a <pre>.
func codeLines(lines []CodeLine) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b strings.Builder
		b.WriteString("<code>")
		for _, line := range lines {
			for _, p := range line {
				if p.Class == "" {
					b.WriteString(templ.EscapeString(p.Text))
					continue
				}
				b.WriteString(`<span class="` + templ.EscapeString(p.Class) + `">` + templ.EscapeString(p.Text) + `</span>`)
			}
			b.WriteByte('\n')
		}
		b.WriteString("</code>")
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// code cuts lines at their marks: ⟦k word⟧ is a piece of class k. No value that goes into a line can hold these brackets.
func code(lines ...string) []CodeLine {
	out := make([]CodeLine, 0, len(lines))
	for _, line := range lines {
		var pieces CodeLine
		for line != "" {
			before, rest, found := strings.Cut(line, "⟦")
			if before != "" {
				pieces = append(pieces, CodePiece{Text: before})
			}
			if !found {
				break
			}
			inside, after, _ := strings.Cut(rest, "⟧")
			class, text, _ := strings.Cut(inside, " ")
			pieces, line = append(pieces, CodePiece{class, text}), after
		}
		out = append(out, pieces)
	}
	return out
}

// Snippets are the pieces of code that a device's page offers. All values in them are quoted for their language; none
// is a token.
func Snippets(id devices.ID, c DeviceConfig) []Snippet {
	// An address from a request's Host could hold anything; in code it stands between quotes of three languages.
	env := safeText(c.AppURL) + "/api/env/" + string(id)
	write := safeText(c.InfluxURL) + "/api/v2/write?bucket=" + url.QueryEscape(c.Bucket) + "&org=" + url.QueryEscape(c.Org)
	point := "environment,clientId=" + string(id) + " Temperature=21.4"
	return []Snippet{
		{Name: "curl", Title: "curl", Note: "A 204 means stored. A device that an enrolment key registered can ask with ?key= and that key in the place of its token. A lost token is replaced by rotating it.", Lines: code(
			`⟦c # TOKEN is the write token, shown when it was made; this stores one point⟧`,
			`curl ⟦s "`+write+`"⟧ \`,
			`  -H ⟦s "Authorization: Token $TOKEN"⟧ \`,
			`  -d ⟦s "`+point+`"⟧`,
			``,
			`⟦c # the settings; after a rotation the new token is among them⟧`,
			`curl ⟦s "`+env+`?accept=text/plain"⟧ \`,
			`  -H ⟦s "Authorization: Token $TOKEN"⟧`,
		)},
		{Name: "python", Title: "Python", Note: "pip install requests influxdb-client. Ask for the settings again every hour: after a rotation the new token is among them.", Lines: code(
			`⟦k import⟧ os, requests`,
			`⟦k from⟧ influxdb_client ⟦k import⟧ InfluxDBClient, Point`,
			`⟦k from⟧ influxdb_client.client.write_api ⟦k import⟧ SYNCHRONOUS`,
			``,
			`⟦c # TOKEN is the write token, shown when it was made⟧`,
			`me = {⟦s "Authorization"⟧: ⟦s "Token "⟧ + os.environ[⟦s "TOKEN"⟧]}`,
			`env = requests.get(⟦s `+strconv.QuoteToASCII(env)+`⟧, headers=me).json()`,
			`⟦k with⟧ InfluxDBClient(url=env[⟦s "influx_url"⟧], token=env[⟦s "influx_token"⟧], org=env[⟦s "influx_org"⟧]) ⟦k as⟧ db:`,
			`    point = Point(⟦s "environment"⟧).tag(⟦s "clientId"⟧, env[⟦s "id"⟧]).field(⟦s "Temperature"⟧, 21.4)`,
			`    db.write_api(write_options=SYNCHRONOUS).write(env[⟦s "influx_bucket"⟧], record=point)`,
		)},
		{Name: "arduino", Title: "Arduino", Note: "Fill in the write token, shown when it was made. After a rotation the device needs the new one within 24 hours.", Lines: code(
			`⟦k #include⟧ ⟦s <InfluxDbClient.h>⟧`,
			``,
			`⟦c // the settings, with this token: `+env+`?accept=text/plain⟧`,
			`InfluxDBClient db(⟦s `+strconv.QuoteToASCII(safeText(c.InfluxURL))+`⟧, ⟦s `+strconv.QuoteToASCII(c.Org)+`⟧,`,
			`                  ⟦s `+strconv.QuoteToASCII(c.Bucket)+`⟧, token);`,
			`Point point(⟦s "environment"⟧);`,
			``,
			`⟦k void⟧ loop() {`,
			`  point.clearFields();`,
			`  point.clearTags();`,
			`  point.addTag(⟦s "clientId"⟧, ⟦s `+strconv.QuoteToASCII(string(id))+`⟧);`,
			`  point.addField(⟦s "Temperature"⟧, readTemperature());`,
			`  db.writePoint(point);`,
			`  delay(60000);`,
			`}`,
		)},
	}
}

// safeText leaves out of an address what could end a quoted string or a line in some language.
func safeText(address string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune("\"'`\\$<>;|&(){}", r) {
			return -1
		}
		return r
	}, address)
}
