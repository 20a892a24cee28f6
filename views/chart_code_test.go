package views

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"iotcenter/telemetry"
)

func TestColorQuery(t *testing.T) {
	const flux = `from(bucket: "iot \" center") // the bucket
  |> range(start: -1d, stop: 2026-11-20T14:05:00Z)
  |> filter(fn: (r) => r._measurement == "environment" and r.n > 10)`
	var colored []string
	for _, p := range colorQuery("flux", flux) {
		if p.Class != "" {
			colored = append(colored, p.Class+":"+p.Text)
		}
	}
	want := `k:from|s:"iot \" center"|c:// the bucket|k:range|s:1d|s:2026-11-20T14:05:00Z|k:filter|s:"environment"|k:and|s:10`
	if got := strings.Join(colored, "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Whatever the query is, the pieces together are the query, and the page shows it as text.
func TestColorQueryKeepsTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		for _, language := range []string{"flux", "influxql"} {
			var b strings.Builder
			for _, p := range colorQuery(language, text) {
				b.WriteString(p.Text)
			}
			if b.String() != text {
				t.Fatalf("%s: %q became %q", language, text, b.String())
			}
		}
	})
	var b strings.Builder
	q := telemetry.Explained{Title: `"><script>`, Language: "flux", Text: `"</pre><script>alert(1)</script>`}
	if err := coloredQuery(q).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "<script") {
		t.Errorf("the query is markup: %s", b.String())
	}
}
