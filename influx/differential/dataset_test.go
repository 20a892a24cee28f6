package differential

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"
)

// The data set is of the year 2026, whatever the year is.
var (
	yearStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	yearStop  = yearStart.AddDate(1, 0, 0)
	// The days on which Europe's clocks change.
	spring = time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)
	autumn = time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)
)

// load writes the data set to both: two devices whose names begin alike through the year at an hour's step and around
// the two days at a minute's, with gaps and every type of field; points at the edges of windows, of days and of the year;
// huge and tiny numbers; names and texts with every character that has a meaning somewhere.
func (p *pair) load(t *testing.T) {
	t.Helper()
	var b bytes.Buffer
	lines := 0
	add := func(format string, args ...any) {
		fmt.Fprintf(&b, format+"\n", args...)
		if lines++; lines%5000 == 0 {
			p.write(t, b.Bytes())
			b.Reset()
		}
	}
	reading := func(device, sensor string, at time.Time, n int) {
		phase := float64(at.Unix()) / 86400 * 2 * math.Pi
		add(`environment,clientId=%s,TemperatureSensor=%s Temperature=%v,CO2=%di,rain=%du,on=%t %d`,
			device, sensor, 10+12*math.Sin(phase)+float64(n%7)/10, 400+n%97-45, n%13, n%5 == 0, at.UnixNano())
		if n%3 == 0 {
			add(`environment,clientId=%s Humidity=%v,note="n %d" %d`, device, 50+20*math.Cos(phase), n%11, at.UnixNano())
		}
		if n%10 == 0 {
			add(`environment,clientId=%s,GPSSensor=neo6 Lat=%v,Lon=%v %d`, device, 50+float64(n%500)/1e3, 14-float64(n%300)/1e3, at.UnixNano())
		}
	}
	for i, device := range []string{"dev1", "dev10"} {
		n := i
		for at := yearStart; at.Before(yearStop); at = at.Add(time.Hour) {
			n++
			if at.YearDay()%30 == 5 || at.Hour() == 3+i {
				continue // gaps: a day, an hour
			}
			reading(device, "dht22", at, n)
		}
		for _, day := range []time.Time{spring, autumn} {
			for at := day.Add(-24 * time.Hour); at.Before(day.Add(48 * time.Hour)); at = at.Add(time.Minute) {
				n++
				if n%17 != 0 {
					reading(device, "bme280", at.Add(time.Duration(n%4)*time.Nanosecond), n)
				}
			}
		}
	}
	edges := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for i, step := range []time.Duration{-1, 0, 1, time.Minute - 1, time.Minute, time.Hour - 1, time.Hour, 24*time.Hour - 1, 24 * time.Hour, 7 * 24 * time.Hour} {
		add(`edges,clientId=edge v=%d,i=%di %d`, i+1, i+1, edges.Add(step).UnixNano())
	}
	for i, v := range []string{"0", "-0", "1e-300", "-1e300", "1.7976931348623157e308", "0.1", "123456789.123456789", "-1", "1e21", "1e-7"} {
		add(`extremes,clientId=odd f=%s %d`, v, edges.Add(time.Duration(i)*time.Minute).UnixNano())
	}
	for i, v := range []string{"0", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993"} {
		add(`extremes,clientId=odd i=%si %d`, v, edges.Add(time.Duration(i)*time.Minute).UnixNano())
	}
	for i, v := range []string{"0", "18446744073709551615", "9007199254740993"} {
		add(`extremes,clientId=odd u=%su %d`, v, edges.Add(time.Duration(i)*time.Minute).UnixNano())
	}
	for i, v := range []string{``, `plain`, `with \"quotes\"`, `back\\slash`, `comma, space = equals`, "line\nbreak", `ü€😀`, `${x}`, `'`, `a;b`} {
		add(`texts,clientId=odd s="%s" %d`, v, edges.Add(time.Duration(i)*time.Minute).UnixNano())
	}
	for i, v := range []string{`a\ b`, `a\,b`, `a\=b`, `"quoted"`, `it's`, `ü€😀`, `a/b`, `a.b*c`, `${x}`, `back\slash`, `-1`, `true`, `1`} {
		add(`texts,clientId=odd,name=%s v=%di,weird\ field=%d %d`, v, i, i, edges.Add(time.Duration(i)*time.Hour).UnixNano())
	}
	add(`odd\ name\,with\=all,clientId=odd,a\ b=c v=1 %d`, edges.UnixNano())
	add(`alone v=1 %d`, edges.UnixNano())
	add(`ancient,clientId=odd v=1 %d`, time.Date(1955, 5, 5, 0, 0, 0, 0, time.UTC).UnixNano())
	add(`ancient,clientId=odd v=2 0`)
	add(`ancient,clientId=odd v=3 1`)
	for i := range 40 { // equal values and times for selectors: which of them wins
		add(`ties,host=h%d,rack=r%d v=%d,w=%di %d`, i%4, i%3, i%5, i%2, edges.Add(time.Duration(i/4)*time.Minute).UnixNano())
	}
	p.write(t, b.Bytes())
}
