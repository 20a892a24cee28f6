package influx_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// Rules of the Helium dialect that only a real database can tell.

// Any text is a port's name: spaces of every kind, separators of line protocol, what InfluxQL quotes with, and control
// characters. Each is told apart from all others, and filter[port] finds it, but for names with a comma, which are two.
func TestAnyPortNameIsKept(t *testing.T) {
	s := openTimeseries(t, "2016-05-12T00:00:00Z")
	names := []string{
		" ", "\u00a0", "\u2003", "\u3000x\u3000", "\u2028", "room temperature", " a", "a ", "a", "A", "a,b=c", "a=b", `C:\temp`, `\`, `it's "so"`, "a\nb", "a\tb", "\x00", "\u0085",
		"100%", "%41", "%2541", "_", "_e", "výška 🐝", "\ufffd", "clientId", "port", "time", "/.*/", "' OR 1=1 --", "agg(t)", strings.Repeat("x", helium.MaxPort),
	}
	for n, port := range names {
		p, err := s.series.Post(t.Context(), seedSensor, helium.NewPoint{Port: port, Value: []byte(strconv.Itoa(n)), Timestamp: seedTime(n)})
		if err != nil {
			t.Fatalf("%q: %v", port, err)
		}
		if got := s.page("page[size]=1&page[id]=" + p.ID.String()).Points; len(got) != 1 || got[0].Port != port {
			t.Errorf("%q: %v at its id", port, got)
		}
	}
	for n, port := range names {
		if strings.Contains(port, ",") {
			continue
		}
		if page := s.page("filter[port]=" + url.QueryEscape(port)); len(page.Points) != 1 || page.Points[0].Port != port || string(page.Points[0].Value) != strconv.Itoa(n) {
			t.Errorf("filter[port]=%q: %v", port, told(page))
		}
		page := s.page("agg[type]=max&agg[size]=1d&filter[start]=2016-01-01&filter[end]=2016-02-01&filter[port]=" + url.QueryEscape(port))
		if len(page.Points) != 1 || page.Points[0].Port != "agg("+port+")" || string(page.Points[0].Value) != fmt.Sprintf(`{"max":%d}`, n) {
			t.Errorf("the aggregation of %q: %v", port, told(page))
		}
	}
	got, err := s.DB.HeliumPorts(t.Context(), seedSensor)
	if want := slices.Sorted(slices.Values(names)); err != nil || !slices.Equal(got, want) {
		t.Errorf("ports %q, %v, want %q", got, err, want)
	}
}

// A port may change its type from point to point; nothing is refused, converted or lost for it, and of all only the
// numbers are aggregated.
func TestAPortMayChangeItsTypeInTheDatabase(t *testing.T) {
	s := openTimeseries(t, "2016-05-12T00:00:00Z")
	values := []string{"1", `"1"`, "true", `{"a":[1,null]}`, "[]", "null", "2.5", "-0", "12345678901234567890123", `""`, "1e400", "false", `"a\u0000\n\"\\b"`}
	var want []string
	for n, value := range values {
		s.posts(dataPoint("p", value, "2016-05-11T00:00:00Z")) // all of one timestamp
		want = append([]string{value}, want...)
		page := s.page("filter[port]=p")
		if len(page.Points) != n+1 {
			t.Fatalf("after %s there are %d points of %d", value, len(page.Points), n+1)
		}
	}
	var got []string
	for _, p := range s.page("").Points {
		got = append(got, string(p.Value))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if page := s.page("agg[type]=min&agg[size]=1h"); len(page.Points) != 1 || string(page.Points[0].Value) != `{"min":0}` && string(page.Points[0].Value) != `{"min":-0}` {
		t.Errorf("%v", told(page))
	}
}

// Points of one timestamp are told apart below the microsecond, newest made first; when a microsecond has a thousand of a
// sensor's, the next one is refused, and another sensor's is not.
func TestPointsOfOneMicrosecondAreToldApart(t *testing.T) {
	s := openTimeseries(t, "2016-05-12T00:00:00Z")
	const stamp = "2016-05-11T19:47:57.1234567Z" // cut to microseconds
	for n := range 3 {
		s.posts(dataPoint([]string{"t", "h", "t"}[n], strconv.Itoa(n), stamp))
	}
	s.are("the last one made first", s.page(""), "2016-05-11T19:47:57.123456Z t 2", "2016-05-11T19:47:57.123456Z h 1", "2016-05-11T19:47:57.123456Z t 0")
	at := time.Date(2016, 5, 11, 19, 47, 57, 123456000, time.UTC)
	s.Write(fmt.Sprintf("helium,clientId=%s,port=t number=3,created=%di,at=%di %[3]d", seedSensor, s.now.UnixMicro(), at.UnixNano()+helium.Slots-1))
	fresh := helium.NewPoint{Port: "h", Value: []byte("4"), Timestamp: at}
	if p, err := s.series.Post(t.Context(), seedSensor, fresh); !errors.Is(err, helium.ErrFull) {
		t.Errorf("after the last slot: %v, %v", p, err)
	}
	if _, err := s.series.Post(t.Context(), "another", fresh); err != nil {
		t.Errorf("another sensor: %v", err)
	}
	if page := s.page(""); len(page.Points) != 4 {
		t.Errorf("%v", told(page))
	}
}

// The organisation's series has the organisation's own points, written with the app's own token, and no sensor's.
func TestOrganizationHasItsOwnPointsInTheDatabase(t *testing.T) {
	s := openTimeseries(t, "2016-05-12T00:00:00Z")
	s.posts(dataPoint("t", "1", "2016-05-11"))
	made, err := s.series.Post(t.Context(), telemetry.OrganizationClient, helium.NewPoint{Port: "_e", Value: []byte(`{"kind":"k","details":{},"message":"m"}`), Timestamp: seedTime(0)})
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.series.Read(t.Context(), helium.Query{Selection: helium.Selection{Owner: telemetry.OrganizationClient}, Size: 10})
	if err != nil || len(page.Points) != 1 || page.Points[0].ID != made.ID || page.Points[0].Port != "_e" {
		t.Errorf("%v, %v", told(page), err)
	}
	s.are("the sensor's", s.page(""), "2016-05-11T00:00:00Z t 1")
}
