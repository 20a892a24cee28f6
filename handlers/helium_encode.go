package handlers

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"iotcenter/telemetry/helium"
)

// Data points are written by hand, name by name: a page of ten thousand is made without reflection and without a copy.

// heliumTime is how this dialect writes times: UTC, with microseconds as far as they are not zero.
const heliumTime = "2006-01-02T15:04:05.999999Z"

func appendHeliumTime(b []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(b, '"'), heliumTime), '"')
}

func appendUUID(b []byte, id uuid.UUID) []byte {
	b = hex.AppendEncode(append(b, '"'), id[:4])
	for _, part := range [...][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		b = hex.AppendEncode(append(b, '-'), part)
	}
	return append(b, '"')
}

// appendText appends a text as a JSON string; what is no UTF-8 in it becomes U+FFFD.
func appendText(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text)
	return b
}

// appendPoint appends a data point of the series. A point of the organisation has no relationships.
func (of series) appendPoint(b []byte, p helium.Point) []byte {
	b = append(b, `{"attributes":{"value":`...)
	b = appendValue(b, p.Value)
	b = append(b, `,"timestamp":`...)
	b = appendHeliumTime(b, p.Timestamp)
	b = append(b, `,"port":`...)
	b = appendText(b, p.Port)
	b = append(b, '}')
	if of.sensor != uuid.Nil {
		b = append(b, `,"relationships":{"sensor":{"data":{"id":`...)
		b = appendUUID(b, of.sensor)
		b = append(b, `,"type":"sensor"}}}`...)
	}
	b = append(b, `,"id":`...)
	b = appendUUID(b, p.ID)
	b = append(b, `,"meta":{"created":`...)
	b = appendHeliumTime(b, p.Created)
	return append(b, `},"type":"data-point"}`...)
}

// appendValue appends a value on one line, as events need it.
func appendValue(b []byte, value json.RawMessage) []byte {
	if bytes.ContainsAny(value, "\r\n") { // between tokens: inside of a JSON string there are none
		var line bytes.Buffer
		if json.Compact(&line, value) == nil {
			value = line.Bytes()
		}
	}
	if len(value) == 0 {
		return append(b, "null"...)
	}
	return append(b, value...)
}

// appendLinks appends the links of a page, with those that exist.
func appendLinks(b []byte, l pageLinks) []byte {
	b = append(b, `"links":{`...)
	if l.prev != "" {
		b = appendText(append(b, `"prev":`...), l.prev)
	}
	if l.next != "" {
		if l.prev != "" {
			b = append(b, ',')
		}
		b = appendText(append(b, `"next":`...), l.next)
	}
	return append(b, '}')
}
