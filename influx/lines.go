package influx

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// point is a point of the auth bucket.
type point struct {
	measurement string
	tags        []tag
	fields      []field
	time        time.Time
}

type tag struct{ key, value string }

type field struct {
	key   string
	value any // string, int64 or bool
}

// line is the point in line protocol, with its line break. Names and tag values are the app's own words and device
// ids; texts of fields may hold anything.
func (p point) line() string {
	var b strings.Builder
	b.WriteString(lineName.Replace(p.measurement))
	for _, t := range p.tags {
		b.WriteString("," + lineName.Replace(t.key) + "=" + lineName.Replace(t.value))
	}
	for i, f := range p.fields {
		b.WriteByte(" ,"[min(i, 1)])
		b.WriteString(lineName.Replace(f.key) + "=")
		switch v := f.value.(type) {
		case int64:
			b.WriteString(strconv.FormatInt(v, 10) + "i")
		case bool:
			b.WriteString(strconv.FormatBool(v))
		case string:
			b.WriteString(`"` + lineText.Replace(v) + `"`)
		}
	}
	b.WriteString(" " + strconv.FormatInt(clamp(p.time).UnixNano(), 10) + "\n")
	return b.String()
}

// Line protocol has few escapes. A line break in a text stands for itself; in a name it cannot stand at all.
var (
	lineName = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `, "\n", "_", "\r", "_")
	lineText = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
)

// writeAuth writes lines to the auth bucket with the app's token.
func (db *DB) writeAuth(ctx context.Context, lines string) error {
	query := url.Values{"org": {db.cfg.Org}, "bucket": {db.cfg.AuthBucket}, "precision": {"ns"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, db.address("api/v2/write", query), strings.NewReader(lines))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	return db.send(req, nil, func(*http.Response) error { return nil })
}
