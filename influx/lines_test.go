package influx

import (
	"testing"
	"time"

	"github.com/influxdata/influxdb/models"
)

// What the app writes is read back by InfluxDB's own parser.
func FuzzLine(f *testing.F) {
	for _, s := range nasty {
		f.Add(s, int64(1777593600000000001))
	}
	f.Fuzz(func(t *testing.T, s string, n int64) {
		p := point{measurement: "m, =x", tags: []tag{{"a=b", "c, d"}}, time: time.Unix(0, n), fields: []field{{"text", s}, {"number", n}}}
		points, err := models.ParsePointsString(p.line())
		if err != nil || len(points) != 1 {
			t.Fatalf("%q became %d points: %v", s, len(points), err)
		}
		got := points[0]
		fields, err := got.Fields()
		if err != nil || len(fields) != 2 || fields["text"] != s || fields["number"] != n {
			t.Errorf("%q, %d came back as %v, %v", s, n, fields, err)
		}
		if string(got.Name()) != "m, =x" || got.Tags().GetString("a=b") != "c, d" || !got.Time().Equal(clamp(p.time)) {
			t.Errorf("%q changed the point: %s", s, got)
		}
	})
}
