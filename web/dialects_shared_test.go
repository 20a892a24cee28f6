package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestDialectsReadWhatOthersWrote writes in each dialect and reads in the others, and removes all of it at once.
func TestDialectsReadWhatOthersWrote(t *testing.T) {
	p := startDialects(t)
	id := p.newDevice(t)
	const at, span = "2024-11-20T12:00:00Z", "start=2024-11-01T00:00:00Z&stop=2024-11-21T00:00:00Z&points=100"
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	p.v1(t, 200, "POST", "/v1/products/"+id+"/data", `{"measurement":"telemetry","fields":{"voltage":[["`+at+`",12.5]],"current":[["`+at+`",1.25]]}}`)
	if code := p.write(p.device(id), fmt.Sprintf("environment Temperature=21.5 %d", when.Unix())); code != 204 {
		t.Fatalf("line protocol: %d", code)
	}
	p.postPoint(t, id, "t", "19.25", at)
	p.postPoint(t, id, "t", `"warm"`, at)
	p.postPoint(t, id, "h", "40", at)

	t.Run("SMART data are on dashboards, in JSON", func(t *testing.T) {
		got := p.seriesOf(t, id, "measurement=telemetry&"+span)
		if want := (map[string]string{"voltage": "12.5 V", "current": "1.25 A"}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
	t.Run("and in CSV", func(t *testing.T) {
		text := p.v1(t, 200, "GET", "/api/devices/"+id+"/series?format=csv&measurement=telemetry&"+span, "")
		for _, line := range []string{"2024-11-20T12:00:00Z,voltage,V,12.5,12.5,12.5", "2024-11-20T12:00:00Z,current,A,1.25,1.25,1.25"} {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("%q is not in\n%s", line, text)
			}
		}
	})
	t.Run("Helium numbers are, with the ports as fields", func(t *testing.T) {
		got := p.seriesOf(t, id, "measurement=helium&"+span)
		if want := (map[string]string{"t": "19.25 °C", "h": "40 %"}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
	t.Run("line protocol is in SMART", func(t *testing.T) {
		got := p.smartRows(t, "/v1/products/"+id+"/data?measurement=environment&start=2024-11-01")
		if want := (rows{"Temperature": {{"21.5", at}}}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
	t.Run("Helium is in SMART, a port by its tag", func(t *testing.T) {
		query := url.Values{"measurement": {"helium"}, "tags": {`{"port":"t"}`}, "start": {"2024-11-01"}, "fields": {"number,string"}}
		got := p.smartRows(t, "/v1/products/"+id+"/data?"+query.Encode())
		// Two points of one timestamp: the second one's slot makes it a nanosecond later.
		const later = "2024-11-20T12:00:00.000000001Z"
		if want := (rows{"number": {{"19.25", at}, {"null", later}}, "string": {{"null", at}, {`"warm"`, later}}}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got, want)
		}
		query.Set("tags", `{"port":"nobody's"}`)
		if got := p.smartRows(t, "/v1/products/"+id+"/data?"+query.Encode()); len(got["number"])+len(got["string"]) != 0 {
			t.Errorf("of a port that is not there: %v", got)
		}
	})
	t.Run("Helium shows its own points alone", func(t *testing.T) {
		if got := p.page(t, id, url.Values{}).Data; len(got) != 3 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("removing the device with its data removes all of them", func(t *testing.T) {
		other := p.newDevice(t)
		p.postPoint(t, other, "t", "1", at)
		sensor := dataID(t, p.v1(t, 200, "GET", "/v1/sensor/"+id, ""))
		p.v1(t, 204, "DELETE", "/api/devices/"+id+"?data=delete", "")
		p.v1(t, 404, "GET", "/v1/products/"+id+"/data", "")
		p.v1(t, 404, "GET", "/v1/sensor/"+sensor, "")
		p.v1(t, 201, "POST", "/api/devices/"+id, "") // what were left would be its again
		p.until("the data are gone", func() bool {
			left := len(p.page(t, id, url.Values{}).Data)
			for _, measurement := range []string{"telemetry", "environment", "helium"} {
				left += len(p.seriesOf(t, id, "measurement="+measurement+"&"+span))
				left += len(p.smartRows(t, "/v1/products/"+id+"/data?measurement="+measurement+"&start=2024-11-01"))
			}
			return left == 0
		})
		if got := p.page(t, other, url.Values{}).Data; len(got) != 1 {
			t.Errorf("of another device %d points are left", len(got))
		}
	})
}

// seriesOf reads the first mean of each field with its unit, from what dashboards draw.
func (p *program) seriesOf(t fails, id, query string) map[string]string {
	t.Helper()
	var answer struct {
		Series []struct {
			Field, Unit string
			Mean        []*float64
		}
	}
	text := p.v1(t, 200, "GET", "/api/devices/"+id+"/series?"+query, "")
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v: %.300s", err, text)
	}
	out := map[string]string{}
	for _, s := range answer.Series {
		for _, mean := range s.Mean {
			if mean != nil {
				out[s.Field] = strings.TrimSpace(strconv.FormatFloat(*mean, 'g', -1, 64) + " " + s.Unit)
				break
			}
		}
	}
	return out
}

// points tells how many points /metrics counts.
func (p *program) points(t fails) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^gateway_points_written_total (\S+)$`).FindStringSubmatch(p.v1(t, 200, "GET", "/metrics", ""))
	if m == nil {
		t.Fatalf("/metrics does not count points")
	}
	return int(floatOf(t, m[1]))
}

// TestDialectsShareOneWritePath: what is decided about a device holds for both dialects at once, and what they write is
// counted and seen like what devices send.
func TestDialectsShareOneWritePath(t *testing.T) {
	p := startDialects(t)
	admin := p.signIn("admin", testPassword)
	smart := func(t fails, status int, id string) string {
		t.Helper()
		return p.v1(t, status, "POST", "/v1/products/"+id+"/data", `{"measurement":"telemetry","fields":{"voltage":[["2024-11-20",12.5]],"current":[["2024-11-20",1],["2024-11-21",2]]}}`)
	}
	general := func(t fails, status int, id string) string {
		t.Helper()
		return p.v1(t, status, "POST", "/v1/influx/data", `{"measurement":"telemetry","tags":{"product_imei":"`+id+`"},"fields":{"voltage":[["2024-11-20",12.5]]}}`)
	}
	helium := func(t fails, status int, id string) string {
		t.Helper()
		return p.v1(t, status, "POST", "/v1/sensor/"+id+"/timeseries", newPoint("t", "1", ""))
	}

	t.Run("points are counted", func(t *testing.T) {
		id := p.newDevice(t)
		before := p.points(t)
		smart(t, 200, id)
		if n := p.points(t) - before; n != 2 { // pairs of one time are one point
			t.Errorf("a batch of two points counts %d", n)
		}
		helium(t, 201, id)
		p.v1(t, 201, "POST", "/v1/organization/timeseries", newPoint("t", "1", ""))
		if n := p.points(t) - before; n != 4 {
			t.Errorf("with two of the other dialect it is %d", n)
		}
	})
	t.Run("a device is seen when either writes", func(t *testing.T) {
		for _, write := range []func(fails, int, string) string{
			func(t fails, _ int, id string) string {
				return p.v1(t, 200, "POST", "/v1/products/"+id+"/data", `{"measurement":"telemetry","fields":{"voltage":[[`+strconv.FormatInt(time.Now().UnixMilli(), 10)+`,12.5]]}}`)
			},
			func(t fails, _ int, id string) string { return helium(t, 201, id) },
		} {
			id := p.newDevice(t)
			const never = `"last-seen":null`
			if text := p.v1(t, 200, "GET", "/v1/sensor/"+id, ""); !strings.Contains(text, never) {
				t.Errorf("before: %s", text)
			}
			write(t, 200, id)
			p.until("last seen in both dialects and on its page", func() bool {
				return !strings.Contains(p.v1(t, 200, "GET", "/v1/sensor/"+id, ""), never) &&
					!strings.Contains(p.v1(t, 200, "GET", "/v1/products/"+id, ""), `"last_seen":null`)
			})
			p.until("the fleet knows", func() bool {
				return !strings.Contains(p.sensorInList(t, id), never)
			})
		}
	})
	t.Run("a suspended device writes in neither, and in both when it is resumed", func(t *testing.T) {
		p := p.in(t)
		id := p.newDevice(t)
		smart(t, 200, id)
		helium(t, 201, id)
		p.as(303, admin, "POST", "/devices/"+id+"/suspend", "")
		smart(t, 403, id)
		general(t, 403, id)
		helium(t, 403, id)
		p.v1(t, 200, "GET", "/v1/products/"+id+"/data", "") // its data can be read
		p.page(t, id, url.Values{})
		p.as(303, admin, "POST", "/devices/"+id+"/resume", "")
		smart(t, 200, id)
		general(t, 200, id)
		helium(t, 201, id)
	})
	t.Run("both go on with a rotated token", func(t *testing.T) {
		p := p.in(t)
		id := p.newDevice(t)
		smart(t, 200, id)
		helium(t, 201, id)
		old := p.device(id)
		p.as(303, admin, "POST", "/devices/"+id+"/rotate", "")
		next := p.device(id)
		if next.Token == old.Token {
			t.Fatal("the token is the old one")
		}
		smart(t, 200, id)
		general(t, 200, id)
		helium(t, 201, id)
		if code := p.write(next, "environment Temperature=1"); code != 204 { // with it the grace of the old one begins to end
			t.Fatalf("the new token: %d", code)
		}
		p.until("the old token is of the past", func() bool { return p.write(old, "environment Temperature=1") == 401 })
		smart(t, 200, id)
		general(t, 200, id)
		helium(t, 201, id)
	})
	t.Run("a removed device writes in neither", func(t *testing.T) {
		p := p.in(t)
		id := p.newDevice(t)
		smart(t, 200, id)
		helium(t, 201, id)
		sensor := dataID(t, p.v1(t, 200, "GET", "/v1/sensor/"+id, ""))
		p.v1(t, 204, "DELETE", "/api/devices/"+id, "")
		smart(t, 404, id)
		helium(t, 404, sensor)
		helium(t, 400, id) // which is no UUID, and now no device either
		// By tags alone, points can be written that are nobody's.
		general(t, 200, id)
		if text := p.v1(t, 200, "GET", "/v1/influx/custom_query?q="+url.QueryEscape(`SELECT count(voltage) FROM telemetry WHERE clientId = '`+id+`' AND time > '2024-11-20T00:00:00Z'`), ""); strings.Contains(text, `"values"`) {
			t.Errorf("the points of a batch by tags alone are the removed device's: %s", text)
		}
	})
}

// sensorInList is a sensor as the list of all has it.
func (p *program) sensorInList(t fails, id string) string {
	t.Helper()
	var list struct{ Data []json.RawMessage }
	if err := json.Unmarshal([]byte(p.v1(t, 200, "GET", "/v1/sensor", "")), &list); err != nil {
		t.Fatalf("%v", err)
	}
	for _, s := range list.Data {
		if strings.Contains(string(s), `"name":"`+id+`"`) {
			return string(s)
		}
	}
	t.Fatalf("%s is not in the list", id)
	return ""
}

// TestDialectsOnTwoReplicas works with one program and asks another one on the same InfluxDB.
func TestDialectsOnTwoReplicas(t *testing.T) {
	a, b := replicas(t)

	t.Run("products, types, sensors and labels are known on the other within seconds", func(t *testing.T) {
		a, b := a.in(t), b.in(t)
		id := a.newDevice(t)
		a.v1(t, 201, "PUT", "/v1/product_types/pump", `{"measurement":"telemetry","fields":["voltage"],"start":"30d"}`)
		a.v1(t, 200, "PUT", "/v1/products/"+id, `{"name":"Pump of Kibera","product_type":"pump","attributes":{"village":"Kibera"}}`)
		sensor := dataID(t, a.v1(t, 201, "POST", "/v1/sensor", `{"data":{"type":"sensor","attributes":{"name":"Cold store"}}}`))
		label := dataID(t, a.v1(t, 201, "POST", "/v1/label", `{"data":{"type":"label","attributes":{"name":"ground floor"}}}`))
		a.v1(t, 200, "POST", "/v1/label/"+label+"/relationships/sensor", `{"data":[{"type":"sensor","id":"`+sensor+`"}]}`)
		for _, see := range []struct{ path, want string }{
			{"/v1/product_types/pump", `"start":"30d"`},
			{"/v1/products/" + id, `"name":"Pump of Kibera"`},
			{"/v1/products/" + id, `"product_type":"pump"`},
			{"/v1/sensor/" + id + "/metadata", `"village":"Kibera"`},
			{"/v1/sensor/" + sensor, `"name":"Cold store"`},
			{"/v1/sensor/" + sensor, label},
			{"/v1/label/" + label, `"name":"ground floor"`},
			{"/v1/label/" + label + "/sensor", sensor},
		} {
			b.takesOver(func() bool {
				_, text, _ := b.v1Any(t, "GET", see.path, "")
				return strings.Contains(text, see.want)
			})
		}
		a.v1(t, 204, "DELETE", "/v1/sensor/"+sensor, "")
		b.takesOver(func() bool { code, _, _ := b.v1Any(t, "GET", "/v1/sensor/"+sensor, ""); return code == 404 })
		b.takesOver(func() bool {
			return !strings.Contains(b.v1(t, 200, "GET", "/v1/label/"+label, ""), sensor)
		})
	})
	t.Run("pages begun on one go on on the other", func(t *testing.T) {
		a, b := a.in(t), b.in(t)
		sensor := a.newDevice(t)
		b.takesOver(func() bool { code, _, _ := b.v1Any(t, "GET", "/v1/sensor/"+sensor, ""); return code == 200 })
		const at = "2016-04-07T19:12:06Z"
		var want []string
		for i := range 25 {
			by := []*program{a, b}[i%2] // in turns, into one microsecond
			want = append(want, by.postPoint(t, sensor, heliumPorts[i%3], strconv.Itoa(i), at).ID)
		}
		slices.Reverse(want)
		path := "/v1/sensor/" + sensor + "/timeseries?page%5Bsize%5D=4"
		var got []string
		for i := 0; path != "" && i < 10; i++ {
			by := []*program{a, b}[i%2]
			g := by.pageAt(t, path)
			got = append(got, g.ids()...)
			path = strings.TrimPrefix(g.Links.Prev, by.base)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
	t.Run("posting on both into different microseconds loses nothing", func(t *testing.T) {
		a, b := a.in(t), b.in(t)
		sensor := a.newDevice(t)
		b.takesOver(func() bool { code, _, _ := b.v1Any(t, "GET", "/v1/sensor/"+sensor, ""); return code == 200 })
		var posting sync.WaitGroup
		for i := range 80 {
			by := []*program{a, b}[i%2]
			posting.Go(func() { by.postPoint(&failsLater{t}, sensor, "t", strconv.Itoa(i), "") })
		}
		posting.Wait()
		if got := len(a.page(t, sensor, url.Values{}).Data); got != 80 {
			t.Errorf("%d points of 80 are there", got)
		}
	})
}

// dataID is the id of what an answer of the Helium dialect holds.
func dataID(t fails, text string) string {
	t.Helper()
	var answer struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Data.ID == "" {
		t.Fatalf("no id in %.300s", text)
	}
	return answer.Data.ID
}

// TestPostsOfOneTimestampLoseNothing posts two hundred points at once, for one sensor, port and timestamp.
func TestPostsOfOneTimestampLoseNothing(t *testing.T) {
	p := startDialects(t)
	sensor := p.newDevice(t)
	const n, at = 200, "2016-04-07T19:12:06.125Z"
	ids := make([]string, n)
	var posting sync.WaitGroup
	for i := range n {
		posting.Go(func() { ids[i] = p.postPoint(&failsLater{t}, sensor, "t", strconv.Itoa(i), at).ID })
	}
	posting.Wait()
	got := p.page(t, sensor, url.Values{}).Data
	values := map[string]string{}
	for i, d := range got {
		if d.Attributes.Timestamp != at {
			t.Errorf("%+v", d)
		}
		if i > 0 && d.Meta.Created > got[i-1].Meta.Created {
			t.Errorf("%s was made after %s, and comes after it", d.ID, got[i-1].ID)
		}
		values[string(d.Attributes.Value)] = d.ID
	}
	if len(got) != n || len(values) != n {
		t.Fatalf("%d points with %d values, of %d", len(got), len(values), n)
	}
	for i, id := range ids {
		if values[strconv.Itoa(i)] != id {
			t.Errorf("point %d was answered as %s, and is %s", i, id, values[strconv.Itoa(i)])
		}
	}
}

// TestAMicrosecondHasRoomForAThousandPoints fills it; what comes then is told so with 429, and nothing is lost.
func TestAMicrosecondHasRoomForAThousandPoints(t *testing.T) {
	p := startDialects(t)
	sensor := p.newDevice(t)
	const at = "2016-04-07T19:12:06Z"
	var posting sync.WaitGroup
	for range 10 {
		posting.Go(func() {
			for range 100 {
				p.postPoint(&failsLater{t}, sensor, "t", "1", at)
			}
		})
	}
	posting.Wait()
	if code, text, _ := p.v1Any(t, "POST", "/v1/sensor/"+sensor+"/timeseries", newPoint("t", "1", at)); code != http.StatusTooManyRequests || !strings.Contains(text, `"status":"429"`) {
		t.Errorf("%d %s", code, text)
	}
	if got := len(pointsOf(p.pages(t, sensor, url.Values{"page[size]": {"300"}}, 10))); got != 1000 {
		t.Errorf("%d points", got)
	}
	p.postPoint(t, sensor, "t", "1", "2016-04-07T19:12:06.000001Z")
}
