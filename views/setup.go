package views

import (
	"encoding/json"
	"strconv"
	"strings"

	qrcode "github.com/skip2/go-qrcode"
)

// DeviceSetup is all that a device needs to write, its token included. Its JSON is what the QR code holds.
type DeviceSetup struct {
	ID     string `json:"id"`
	URL    string `json:"influx_url"`
	Org    string `json:"influx_org"`
	Bucket string `json:"influx_bucket"`
	Token  string `json:"influx_token"`
}

// text is the setup as the code holds it.
func (d DeviceSetup) text() (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // fewer squares
	err := e.Encode(d)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// drawing is the QR code of the setup; ok is false for one that is too long for a code.
func (d DeviceSetup) drawing() (drawing qrDrawing, ok bool) {
	text, err := d.text()
	if err != nil {
		return qrDrawing{}, false
	}
	drawing, err = drawQR(text)
	return drawing, err == nil
}

// qrDrawing is a QR code as one path: a square of Size units with the quiet zone in it.
type qrDrawing struct {
	Size int
	Path string
}

// box is the drawing's viewBox.
func (d qrDrawing) box() string {
	n := strconv.Itoa(d.Size)
	return "0 0 " + n + " " + n
}

// ground is the path of the whole square.
func (d qrDrawing) ground() string {
	n := strconv.Itoa(d.Size)
	return "M0 0h" + n + "v" + n + "h-" + n + "z"
}

// drawQR draws a text as a QR code. Neighbouring squares of a row are one piece of the path.
func drawQR(text string) (qrDrawing, error) {
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return qrDrawing{}, err
	}
	rows := code.Bitmap()
	var path strings.Builder
	for y, row := range rows {
		for x := 0; x < len(row); {
			if !row[x] {
				x++
				continue
			}
			start := x
			for x < len(row) && row[x] {
				x++
			}
			n := strconv.Itoa(x - start)
			path.WriteString("M" + strconv.Itoa(start) + " " + strconv.Itoa(y) + "h" + n + "v1h-" + n + "z")
		}
	}
	return qrDrawing{Size: len(rows), Path: path.String()}, nil
}
