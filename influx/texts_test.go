//go:build !race

package influx_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"iotcenter/influx/influxtest"
	"iotcenter/telemetry/helium"
)

// largeTexts writes n points with a text of 64 KB each.
func largeTexts(i *influxtest.Instance, series, field string, n int) {
	text := strings.Repeat("x", helium.MaxValue-2)
	const atOnce = 250
	for from := 0; from < n; from += atOnce {
		var body strings.Builder
		for at := from; at < min(from+atOnce, n); at++ {
			fmt.Fprintf(&body, "%s %s=\"%s\" %d\n", series, field, text, 1000*(at+1))
		}
		i.Write(body.String())
	}
}

// The database collects the rows of a piece of an answer, and refuses a piece that is too large. So many rows of long texts
// did not fit into a piece of the size that is good for numbers.
func TestLongTextsAreReadInSmallPieces(t *testing.T) {
	i := influxtest.Start(t)
	const n = 1100 // 69 MB
	largeTexts(i, "m,clientId=d", "text", n)
	if got := rows(t, i.DB, ask("text")); len(got.rows) != n {
		t.Errorf("%d rows of %d", len(got.rows), n)
	}
	answer, cut, err := i.DB.Statement(t.Context(), "SELECT text FROM m", 10_000, time.Minute)
	if err != nil || !cut || len(answer) < 10<<20 || len(answer) > 17<<20 {
		t.Errorf("%d bytes, cut %v, %v", len(answer), cut, err)
	}
}

// Lines from elsewhere can have texts of any size.
func TestPointsOfTooLargeValuesAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 130 MB")
	}
	i := influxtest.Start(t)
	const size = 1 << 20 // a real InfluxDB takes no longer ones
	text := strings.Repeat("x", size)
	for at := range helium.MaxPageBytes/size + 8 {
		i.Write(fmt.Sprintf("helium,clientId=d,port=t string=%q %d", text, 1000*(at+1)))
	}
	if got, err := i.DB.HeliumPoints(t.Context(), helium.Selection{Owner: "d"}, 0, helium.MaxPage); !errors.Is(err, helium.ErrTooLarge) {
		t.Errorf("%d points, %v", len(got), err)
	}
	if got, err := i.DB.HeliumPoints(t.Context(), helium.Selection{Owner: "d"}, 0, 10); err != nil || len(got) != 10 {
		t.Errorf("%d points, %v", len(got), err)
	}
}
