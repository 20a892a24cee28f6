//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	qrcode "github.com/skip2/go-qrcode"
)

// setup is what the QR code of a device holds.
type setup struct {
	ID     string `json:"id"`
	URL    string `json:"influx_url"`
	Org    string `json:"influx_org"`
	Bucket string `json:"influx_bucket"`
	Token  string `json:"influx_token"`
}

// TestToken: registering shows the token and its QR code once; rotating makes another without a gap; a suspended
// device writes nothing until it is resumed.
func TestToken(t *testing.T) {
	a := freshApp(t)
	const id = "lamp-1"
	writes := func(token string) int {
		return a.ask(t, http.MethodPost, "/influx/api/v2/write?bucket=iot_center", "environment Temperature=20", http.Header{"Authorization": {"Token " + token}}).status
	}
	tb := openTab(t, a)
	tb.visit("/devices")
	tb.register(id)
	tb.sees("is registered. Its token is shown only now.")
	token := tb.secret()
	if got := writes(token); got != http.StatusNoContent {
		t.Fatalf("the token shown writes with status %d", got)
	}
	var holds setup // what a device is told is what the code holds
	decode(t, a.call(t, http.MethodGet, "/api/env/"+id, "", nil, http.StatusOK), &holds)
	if holds.Token != token {
		t.Error("the token shown is not the device's")
	}
	tb.press("summary", "Show the configuration as a QR code")
	for _, theme := range []string{"light", "dark"} {
		tb.theme(theme)
		tb.readsCode(holds)
		tb.accessible("devices, with a code, " + theme)
		tb.shot("registered-code-" + theme + "-1280")
	}
	tb.size(390, 844)
	tb.fits(390)
	tb.readsCode(holds)
	tb.shot("registered-code-dark-390")
	tb.theme("light")
	tb.size(1280, 900)
	tb.forgets(token)

	tb.visit("/devices/" + id)
	tb.until("the last use of the token", find(`/Last use just now/.test(tidy(document.querySelector('[aria-labelledby=token] dl')?.innerText))`))
	tb.press(anything, "Rotate token")
	tb.sees("Rotate the token of lamp-1?")
	tb.shot("rotate-dialog-light-1280")
	tb.press(button, "Rotate token")
	tb.sees("Device lamp-1 has a new token, which is shown only now.")
	fresh := tb.secret()
	if fresh == token {
		t.Fatal("the new token is the old one")
	}
	tb.sees("The former token works until")
	tb.shot("rotated-light-1280")
	if got := writes(token); got != http.StatusNoContent {
		t.Errorf("before the new token was used the old one writes with status %d", got)
	}
	if got := writes(fresh); got != http.StatusNoContent {
		t.Errorf("the new token writes with status %d", got)
	}
	eventually(t, "the old token refused", func() bool { return writes(token) == http.StatusUnauthorized })
	tb.forgets(fresh)

	tb.press(anything, "Suspend")
	tb.sees("Suspend lamp-1?")
	tb.press(button, "Suspend")
	tb.sees("Device lamp-1 is suspended.")
	if got := writes(fresh); got != http.StatusUnauthorized && got != http.StatusForbidden {
		t.Errorf("a suspended device writes with status %d", got)
	}
	tb.shot("suspended-light-1280")
	tb.visit("/devices")
	tb.inRow(id, "Suspended")
	tb.visit("/devices/" + id)
	tb.press(button, "Resume")
	tb.sees("Device lamp-1 is resumed.")
	eventually(t, "the resumed device's points", func() bool { return writes(fresh) == http.StatusNoContent })
}

// readsCode looks at the QR code as a camera does, and compares its squares with those of what should be in it.
func (tb *tab) readsCode(want setup) {
	tb.t.Helper()
	// The order of the members is part of the text.
	text, err := json.Marshal(want)
	if err != nil {
		tb.t.Fatal(err)
	}
	code, err := qrcode.New(string(text), qrcode.Medium)
	if err != nil {
		tb.t.Fatal(err)
	}
	squares := code.Bitmap()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.Screenshot(chromedp.CSS("svg.qr"), chromedp.NodeVisible))
	if err != nil {
		tb.t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		tb.t.Fatal(err)
	}
	bounds, wrong := picture.Bounds(), 0
	for y, row := range squares {
		for x, dark := range row {
			at := func(i, length int) int { return (2*i + 1) * length / (2 * len(squares)) }
			r, g, b, _ := picture.At(bounds.Min.X+at(x, bounds.Dx()), bounds.Min.Y+at(y, bounds.Dy())).RGBA()
			if seen := r+g+b < 3*0x8000; seen != dark {
				wrong++
			}
		}
	}
	if wrong > 0 {
		tb.t.Errorf("%d of %d squares of the code are not those of %s", wrong, len(squares)*len(squares), fmt.Sprintf("%+v", want))
	}
}
