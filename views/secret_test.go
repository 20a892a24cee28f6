package views

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	qrcode "github.com/skip2/go-qrcode"

	"iotcenter/devices"
	"iotcenter/people"
)

const canary = "canary-Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3JhdWx0Z2FycGx5d2FsZG9mcmVkcGx1Z2h4eXp6eXRodWQ=="

func TestASecretStandsInItsMessageAndNowhereElse(t *testing.T) {
	s := shellFor(people.Admin)
	s.Flashes = []Flash{{Kind: FlashOK, Text: "Device a has a new token.", Mark: "a", Secret: canary, Setup: &DeviceSetup{ID: "a", Token: canary}}}
	html := page(t, Device(DevicePage{Shell: s, Device: devices.Device{ID: "a"}}))
	doc := parse(t, html)
	if got := words(doc, "[data-flash] code"); got != canary {
		t.Errorf("the message shows %q", got)
	}
	has(t, doc, "[data-flash] button[data-copy='"+canary+"'][hidden]", 1)
	has(t, doc, "[data-flash] details svg[role=img][aria-label='QR code of the configuration of a']", 1)
	if n := strings.Count(html, canary); n != 2 {
		t.Errorf("the secret is %d times on the page, want twice: to read and to copy", n)
	}
	doc.Find("[data-flash]").Remove()
	rest, err := doc.Html()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(rest, canary) {
		t.Error("the secret stands outside of its message")
	}
}

func TestAMessageWithoutSecretShowsNone(t *testing.T) {
	doc := document(t, Flashes([]Flash{{Kind: FlashOK, Text: "Saved."}}))
	has(t, doc, ".secret, code, [data-copy], svg[role=img]", 0)
}

func TestSetupIsTheConfigurationAsJSON(t *testing.T) {
	text, err := DeviceSetup{ID: "greenhouse-04", URL: "https://iot.example.org/influx?a&b", Org: "farm", Bucket: "iot_center", Token: canary}.text()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"id": "greenhouse-04", "influx_url": "https://iot.example.org/influx?a&b", "influx_org": "farm", "influx_bucket": "iot_center", "influx_token": canary}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the setup has %d values, want %d", len(got), len(want))
	}
}

// piece is one run of dark squares in the path.
var piece = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

func TestQRDrawingHasEverySquareOfTheCode(t *testing.T) {
	text := `{"id":"greenhouse-04","influx_token":"` + canary + `"}`
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		t.Fatal(err)
	}
	want := code.Bitmap()
	got, err := drawQR(text)
	if err != nil {
		t.Fatal(err)
	}
	if got.Size != len(want) || got.box() != "0 0 "+strconv.Itoa(len(want))+" "+strconv.Itoa(len(want)) {
		t.Fatalf("the drawing is %q, want a square of %d", got.box(), len(want))
	}
	drawn := make([][]bool, got.Size)
	for y := range drawn {
		drawn[y] = make([]bool, got.Size)
	}
	if rest := piece.ReplaceAllString(got.Path, ""); rest != "" {
		t.Fatalf("the path holds %q", rest)
	}
	for _, m := range piece.FindAllStringSubmatch(got.Path, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		if m[3] != m[4] {
			t.Fatalf("%s does not close", m[0])
		}
		for i := range n {
			drawn[y][x+i] = true
		}
	}
	for y := range want {
		for x := range want[y] {
			if drawn[y][x] != want[y][x] {
				t.Fatalf("the square at %d, %d is %v, want %v", x, y, drawn[y][x], want[y][x])
			}
			const quiet = 4 // squares around the code stay light, or cameras do not find it
			if edge := min(x, y, len(want)-1-x, len(want)-1-y); edge < quiet && drawn[y][x] {
				t.Fatalf("the quiet zone is dark at %d, %d", x, y)
			}
		}
	}
}

func TestASetupThatIsTooLongHasNoQRCode(t *testing.T) {
	doc := document(t, Flashes([]Flash{{Kind: FlashOK, Text: "Made.", Secret: canary, Setup: &DeviceSetup{Token: strings.Repeat("x", 5000)}}}))
	has(t, doc, "details", 0)
	has(t, doc, "code", 1)
}

func TestSnippetsHoldNoTokenAndAskWithIt(t *testing.T) {
	for _, s := range Snippets("greenhouse-04", DeviceConfig{AppURL: "https://iot.example.org", InfluxURL: "https://iot.example.org/influx", Org: "farm", Bucket: "iot_center"}) {
		if !strings.Contains(s.Text(), "https://iot.example.org/api/env/greenhouse-04") {
			t.Errorf("%s does not say where the settings are", s.Name)
		}
		if s.Name != "arduino" && !strings.Contains(s.Text(), `Authorization`) {
			t.Errorf("%s asks without a token", s.Name)
		}
	}
}
