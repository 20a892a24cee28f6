package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hostile are texts that mean something to a language on the way: InfluxQL, Flux, line protocol, SQL, HTML, URLs, logs.
var hostile = []string{
	`'; DROP MEASUREMENT telemetry --`, `" OR 1=1 --`, `' OR '1'='1`, `"|> drop(columns: ["clientId"])`, `") |> yield() //`, `\`, `\'`, `\"`, `a\`,
	`x" FROM telemetry; DROP MEASUREMENT telemetry; --`, `/.*/`, `*`, `time`, `_time`, `clientId`, `product_imei`, `${x}`, `{{.}}`, `%0a`, `%00`, `%2e%2e%2f`, `../../etc/passwd`,
	"x y=1 1\nenvironment Temperature=666", "a,clientId=witness", "a\r\nlevel=ERROR msg=forged", "a\x00b", "\ufeffa", "\u202eabc", "\u2028", `<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`,
	`=cmd|' /C calc'!A0`, "🙂", strings.Repeat("🙂", 40), `#comment`, ` a `, "null", "NaN", `["a"]`, `{"a":1}`, `a::tag`, `mean(a)`,
}

// hard sends what nobody should send, and holds each answer to what every answer has to be.
type hard struct{ *program }

// patient waits no longer than an answer to a hard input may take.
var patient = &http.Client{Timeout: 10 * time.Second, CheckRedirect: unled.CheckRedirect, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}

// ask sends a request. The answer comes in time and is valid JSON; below 500, and with its dialect's envelope from 400 on.
func (h hard) ask(t fails, method, path string, body []byte, headers ...string) (int, string) {
	t.Helper()
	name := fmt.Sprintf("%s %.120s %.200q", method, path, body)
	req, err := http.NewRequest(method, h.base+path, bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	req.Header.Set("Authorization", "Token token="+testKey)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := patient.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if resp.StatusCode >= 500 {
		t.Errorf("%s: %d %.300s", name, resp.StatusCode, text)
	}
	if resp.StatusCode == http.StatusRequestHeaderFieldsTooLarge || resp.StatusCode == 204 {
		return resp.StatusCode, string(text) // the server's own, before any route
	}
	if !json.Valid(text) {
		t.Errorf("%s: %d, and the answer is no JSON: %.300s", name, resp.StatusCode, text)
	}
	if resp.StatusCode >= 400 {
		if problem := envelopeProblem(path, resp.StatusCode, text); problem != "" {
			t.Errorf("%s: %d, and %s: %.300s", name, resp.StatusCode, problem, text)
		}
		if len(text) > 4096 {
			t.Errorf("%s: an error of %d bytes", name, len(text))
		}
	}
	return resp.StatusCode, string(text)
}

// envelopeProblem tells what is wrong with the answer to a request that failed.
func envelopeProblem(path string, status int, text []byte) string {
	if strings.HasPrefix(path, "/v1/sensor") || strings.HasPrefix(path, "/v1/label") || strings.HasPrefix(path, "/v1/organization") {
		var answer struct {
			Errors []struct{ Status, Detail string }
		}
		if err := json.Unmarshal(text, &answer); err != nil || len(answer.Errors) != 1 || answer.Errors[0].Status != strconv.Itoa(status) || answer.Errors[0].Detail == "" {
			return `it is not {"errors":[{"status","detail"}]}`
		}
		return ""
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil || len(answer) != 3 || answer["status"] != "failure" || answer["data"] != nil || answer["message"] == "" {
		return `it is not {"status":"failure","message",…,"data":null}`
	}
	if _, ok := answer["data"]; !ok {
		return "it has no data"
	}
	return ""
}

// want is ask with one of the statuses that are right.
func (h hard) want(t fails, statuses []int, method, path string, body []byte, headers ...string) string {
	t.Helper()
	got, text := h.ask(t, method, path, body, headers...)
	if !slices.Contains(statuses, got) {
		t.Errorf("%s %.120s %.200q: %d, want %v: %.300s", method, path, body, got, statuses, text)
	}
	return text
}

var (
	is400   = []int{400}
	is200   = []int{200}
	is201   = []int{201}
	tooLong = []int{400, 404, 413, 414, 431} // of what is too long to be looked at
)

// TestHardInputs sends hard inputs to every parameter of both dialects. Afterwards the program works as before, has never
// panicked, and another device's data are what they were.
func TestHardInputs(t *testing.T) {
	p := startDialects(t)
	const witness = "witness"
	p.v1(t, 201, "POST", "/api/devices/"+witness, "")
	p.v1(t, 200, "POST", "/v1/products/"+witness+"/data", `{"measurement":"telemetry","fields":{"voltage":[["2024-11-20",12.5]],"note":[["2024-11-20","untouched"]]}}`)
	p.postPoint(t, witness, "t", `"untouched"`, "2024-11-20")
	if code := p.write(p.device(witness), "environment Temperature=21.5 1732060800"); code != 204 {
		t.Fatal(code)
	}
	see := func() (all string) {
		for _, path := range []string{
			"/v1/products/" + witness + "/data?start=2024-01-01", "/v1/products/" + witness + "/data?measurement=environment&start=2024-01-01",
			"/v1/sensor/" + witness + "/timeseries", "/v1/sensor/" + witness, "/v1/products/" + witness,
			"/api/devices/" + witness + "/series?start=2024-11-01T00:00:00Z&stop=2024-12-01T00:00:00Z",
		} {
			all += p.v1(t, 200, "GET", path, "") + "\n"
		}
		return all
	}
	before := see()

	h := hard{p}
	for _, part := range []struct {
		name string
		run  func(t *testing.T, h hard, id string)
	}{
		{"bodies of SMART", hardSmartBodies}, {"bodies of Helium", hardHeliumBodies}, {"sizes", hardSizes}, {"packed bodies", hardPacked},
		{"parameters of SMART", hardSmartParameters}, {"parameters of Helium", hardHeliumParameters}, {"hostile texts in SMART", hostileSmart},
		{"hostile texts in Helium", hostileHelium}, {"hostile texts in profiles", hostileProfiles}, {"hostile texts in addresses", hostileAddresses},
		{"statements that write", hardStatements},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, h, p.newDevice(t)) })
	}

	if after := see(); after != before {
		t.Errorf("the data of another device were\n%s, and are\n%s", before, after)
	}
	id := p.newDevice(t)
	p.v1(t, 200, "POST", "/v1/products/"+id+"/data", `{"measurement":"telemetry","fields":{"voltage":[["2024-11-20",1]]}}`)
	p.postPoint(t, id, "t", "1", "")
	if log := p.log.String(); strings.Contains(log, "panic") || strings.Contains(log, "\nlevel=ERROR msg=forged") {
		t.Error("the log tells of a panic, or has a forged line")
	}
}

func smartBody(pairs string) string {
	return `{"measurement":"hard","fields":{"v":[["2024-11-20",1],` + pairs + `]}}`
}

func hardSmartBodies(t *testing.T, h hard, id string) {
	path := "/v1/products/" + id + "/data"
	deep := strings.Repeat("[", 100_000)
	for _, body := range []string{
		"", " ", "null", "[]", `""`, "1", "{", `{"measurement"`, "\ufeff" + smartBody(`[1700000000000,1]`), smartBody(`[1700000000000,1]`) + "x", smartBody(`[1700000000000,1]`) + "{}",
		smartBody(`[1700000000000,NaN]`), smartBody(`[1700000000000,Infinity]`), smartBody(`[1700000000000,-Infinity]`), smartBody(`[1700000000000,nan]`), smartBody(`[1700000000000,1e400]`),
		smartBody(`[1700000000000,-1e400]`), smartBody(`[1700000000000,12345678901234567891]`), smartBody(`[1700000000000,0x10]`), smartBody(`[1700000000000,01]`), smartBody(`[1700000000000,+1]`),
		smartBody(`[1700000000000,.5]`), smartBody(`[1700000000000,null]`), smartBody(`[1700000000000,[1]]`), smartBody(`[1700000000000,{}]`), smartBody(`[1700000000000]`), smartBody(`[]`), smartBody(`1`),
		smartBody(`[1700000000000,1,2]`), smartBody(`[null,1]`), smartBody(`[true,1]`), smartBody(`[1700000000.5,1]`), smartBody(`[1.7e12,1]`), smartBody(`[1700000000,1]`), smartBody(`[1700000000000000,1]`),
		smartBody(`[1700000000000000000,1]`), smartBody(`[99999999999999999999,1]`), smartBody(`[-1,1]`), smartBody(`["",1]`), smartBody(`["soon",1]`), smartBody(`["2016-12-31T23:59:60Z",1]`),
		smartBody(`["0001-01-01",1]`), smartBody(`["9999-12-31T23:59:59Z",1]`), smartBody(`["2023-02-29",1]`), smartBody(`["2024-11-20T25:00:00Z",1]`), smartBody(`["2024-11-20T00:00:00.1234567891Z",1]`),
		smartBody(`["` + strings.Repeat("2", 1<<20) + `",1]`), smartBody(`[1700000000000,"` + strings.Repeat("x", 10<<20) + `"]`), smartBody(`[1700000000000,"` + strings.Repeat("x", 64<<10+1) + `"]`),
		smartBody(`[1700000000000,` + strings.Repeat("9", 1<<20) + `]`), smartBody(`[1700000000000,true]`), smartBody(`[1700000000000,"\ud800"]`), smartBody("[1700000000000,\"\xff\"]"), smartBody("[1700000000000,\"a\nb\"]"),
		`{"measurement":"hard","measurement":"hard","fields":{"v":[[1700000000000,1]]}}`, `{"measurement":"hard","fields":{"v":[[1700000000000,1]],"v":[[1700000000000,2]]}}`,
		`{"measurement":"hard","fields":{"v":[[1700000000000,1]],"\u0076":[[1700000000000,2]]}}`, `{"measurement":"hard","tags":{"a":"1","a":"2"},"fields":{"v":[[1700000000000,1]]}}`,
		`{"measurement":"hard","fields":{}}`, `{"measurement":"hard","fields":[]}`, `{"measurement":"","fields":{"v":[[1700000000000,1]]}}`, `{"measurement":1,"fields":{"v":[[1700000000000,1]]}}`,
		`{"measurement":"hard","tags":[],"fields":{"v":[[1700000000000,1]]}}`, `{"measurement":"hard","tags":{"a":{}},"fields":{"v":[[1700000000000,1]]}}`, `{"fields":{"v":[[1700000000000,1]]}}`,
		`{"measurement":"hard","tags":{"product_imei":"witness"},"fields":{"v":[[1700000000000,1]]}}`, `{"measurement":"hard","tags":{"clientId":"witness"},"fields":{"v":[[1700000000000,1]]}}`,
		`{"measurement":"hard","fields":{"v":[[1700000000000,1]]},"more":1}`, `{"measurement":"` + strings.Repeat("m", 10<<20) + `","fields":{"v":[[1700000000000,1]]}}`,
		`{"measurement":"hard","fields":{"` + strings.Repeat("f", 10<<20) + `":[[1700000000000,1]]}}`, `{"measurement":"hard","tags":{"` + strings.Repeat("t", 10<<20) + `":"1"},"fields":{"v":[[1700000000000,1]]}}`,
		`{"measurement":"hard","tags":{"a":"` + strings.Repeat("t", 10<<20) + `"},"fields":{"v":[[1700000000000,1]]}}`,
		deep, `{"measurement":` + deep, smartBody(`[1700000000000,` + deep + strings.Repeat("]", 100_000) + `]`), smartBody(deep), `{"tags":` + strings.Repeat(`{"a":`, 100_000),
		`{"measurement":"telemetry","fields":{"voltage":[[1700000000000,"12.5"]]}}`, `{"measurement":"telemetry","fields":{"pulse_count":[[1700000000000,1.5]]}}`,
		`{"measurement":"telemetry","fields":{"pulse_count":[[1700000000000,9223372036854775808]]}}`,
	} {
		h.want(t, is400, "POST", path, []byte(body))
		h.ask(t, "POST", "/v1/influx/data", []byte(body)) // where some are right: a product_imei is what names the device
		h.ask(t, "PUT", "/v1/products/"+id, []byte(body))
		h.ask(t, "PUT", "/v1/product_types/hard", []byte(body))
	}
	if got := h.smartRows(t, path+"?measurement=hard&start=1678-01-01&fields=v"); len(got["v"]) != 0 {
		t.Errorf("of batches that were refused, there is %v", got)
	}
	for _, body := range []string{ // the hardest that are right
		smartBody(`[1700000000000,5e-324]`), smartBody(`[1700000000001,1.7976931348623157e308]`), smartBody(`[1700000000002,1e-400]`), smartBody(`[1700000000003,10000000000000000000000]`),
		`{"measurement":"telemetry","fields":{"pulse_count":[[1700000000000,9223372036854775807]]}}`, "\r\n\t " + smartBody(`[1700000000004,-0]`) + "\n",
	} {
		h.want(t, is200, "POST", path, []byte(body))
	}
}

func hardHeliumBodies(t *testing.T, h hard, id string) {
	deep := strings.Repeat("[", 100_000)
	with := func(attributes string) string {
		return `{"data":{"type":"data-point","attributes":{` + attributes + `}}}`
	}
	paths := []string{"/v1/sensor/" + id + "/timeseries", "/v1/organization/timeseries"}
	for _, body := range []string{
		"", "null", "[]", "1", `{"data":null}`, `{"data":[]}`, `{"data":{}}`, `{"data":{"attributes":null}}`, `{"data":{"attributes":[]}}`, "\ufeff" + with(`"port":"t","value":1`), with(`"port":"t","value":1`) + "x",
		with(`"port":"t","value":NaN`), with(`"port":"t","value":Infinity`), with(`"port":"t","value":-Infinity`), with(`"port":"t","value":01`), with(`"port":"t","value":undefined`),
		with(`"port":"t"`), with(`"value":1`), with(`"port":"","value":1`), with(`"port":null,"value":1`), with(`"port":1,"value":1`), with(`"port":["t"],"value":1`), with(`"port":"` + strings.Repeat("p", 129) + `","value":1`),
		with(`"port":"t","port":"t","value":1`), with(`"port":"t","value":1,"value":2`), with(`"port":"t","value":{"a":1,"a":2}`), with("\"port\":\"\xff\",\"value\":1"), with("\"port\":\"t\",\"value\":\"\xff\""),
		with(`"port":"\ud800","value":1`), with(`"port":"t","value":"\ud800"`), with(`"port":"t","value":"` + strings.Repeat("x", 64<<10) + `"`), with(`"port":"t","value":` + deep + strings.Repeat("]", 100_000)),
		with(`"port":"t","value":` + deep), deep, `{"data":` + deep, strings.Repeat(`{"data":`, 100_000),
		with(`"port":"t","value":1,"timestamp":"0001-01-01"`), with(`"port":"t","value":1,"timestamp":"9999-12-31T23:59:59Z"`), with(`"port":"t","value":1,"timestamp":"2016-12-31T23:59:60Z"`),
		with(`"port":"t","value":1,"timestamp":"2016-03-09T22:04:38+01:00"`), with(`"port":"t","value":1,"timestamp":"2016-03-09T22:04:38"`), with(`"port":"t","value":1,"timestamp":1457561078`),
		with(`"port":"t","value":1,"timestamp":""`), with(`"port":"t","value":1,"timestamp":"2023-02-29"`), with(`"port":"t","value":1,"timestamp":"` + strings.Repeat("2", 500_000) + `"`),
		with(`"port":"t","value":1,"timestamp":"2100-01-01"`), `{"data":{"type":"sensor","attributes":{"port":"t","value":1}}}`, `{"data":{"type":"data-point","type":"data-point","attributes":{"port":"t","value":1}}}`,
	} {
		for _, path := range paths {
			h.want(t, is400, "POST", path, []byte(body))
		}
		for _, path := range []string{"POST /v1/label", "PATCH /v1/sensor/" + id, "PATCH /v1/sensor/" + id + "/metadata", "PUT /v1/sensor/" + id + "/metadata", "POST /v1/sensor/" + id + "/relationships/label"} {
			method, path, _ := strings.Cut(path, " ")
			h.ask(t, method, path, []byte(body))
		}
	}
	for _, path := range paths {
		if got := h.pageAt(t, path); len(got.Data) != 0 {
			t.Errorf("of points that were refused, there is %+v", got.Data)
		}
	}
	for _, value := range []string{"1e400", "12345678901234567891", "-0", `"\u0000"`, strings.Repeat("[", 100) + strings.Repeat("]", 100), `"` + strings.Repeat("x", 64<<10-2) + `"`, strings.Repeat("9", 60_000)} {
		text := h.want(t, is201, "POST", paths[0], []byte(newPoint("t", value, "")))
		var answer struct{ Data point }
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(err)
		}
		if got := h.page(t, id, url.Values{"page[size]": {"1"}}).Data; len(got) != 1 || string(got[0].Attributes.Value) != value || !samePoint(got[0], answer.Data) {
			t.Errorf("%.100s is read as %.200v", value, got)
		}
	}
}

func hardSizes(t *testing.T, h hard, id string) {
	long := strings.Repeat("x", 10<<20)
	for _, path := range []string{"/v1/products/" + long + "/data", "/v1/sensor/" + long + "/timeseries", "/v1/products/" + id + "/data?where=" + long, "/v1/products/" + id + "/data?tags=" + long,
		"/v1/sensor/" + id + "/timeseries?filter%5Bport%5D=" + long, "/v1/sensor/" + id + "/timeseries?page%5Bid%5D=" + long, "/v1/influx/custom_query?q=" + long} {
		// A server may close the connection before such an address is sent; then the client has no answer to look at.
		if status, _ := h.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + testKey + "\r\n\r\n"); !slices.Contains(tooLong, status) {
			t.Errorf("%.60s: %d", path, status)
		}
		h.want(t, tooLong, "GET", path[:9000], nil)
	}
	huge := []byte(`{"data":{"type":"data-point","attributes":{"port":"` + long + `","value":1}}}`)
	for _, path := range []string{"/v1/sensor/" + id + "/timeseries", "/v1/organization/timeseries", "/v1/label"} {
		h.want(t, []int{413}, "POST", path, huge)
	}
	h.want(t, []int{413}, "PUT", "/v1/products/"+id, []byte(`{"name":"`+long+`"}`))
	h.want(t, []int{413}, "POST", "/v1/products/"+id+"/data", bytes.Repeat([]byte("x"), 33<<20))

	var pairs bytes.Buffer
	pairs.WriteString(`{"measurement":"large","fields":{"v":[`)
	for i := range 500_000 {
		fmt.Fprintf(&pairs, "[%d,%d],", 1_700_000_000_000+i, i)
	}
	whole := append(bytes.TrimSuffix(pairs.Bytes(), []byte(",")), "]}}"...)
	// The largest batch that is right may take as long as the database does.
	if text := h.v1(t, 200, "POST", "/v1/products/"+id+"/data", string(whole)); !strings.Contains(text, `"500000 data-point(s)`) {
		t.Error(text)
	}
	pairs.Truncate(len(whole) - len("]}}"))
	pairs.WriteString(`,[1600000000000,1]]}}`)
	h.want(t, is400, "POST", "/v1/products/"+id+"/data", pairs.Bytes())
	if got := h.smartRows(t, "/v1/products/"+id+"/data?measurement=large&start=2020-01-01&ds_interval=52w&ds_function=count")["v"]; len(got) == 0 || total(t, got) != 500_000 {
		t.Errorf("%v are there", got)
	}
}

// total is the sum of numbers; null is none.
func total(t fails, cells []cell) (sum float64) {
	for _, c := range cells {
		if c.value != "null" {
			sum += floatOf(t, c.value)
		}
	}
	return sum
}

func hardPacked(t *testing.T, h hard, id string) {
	pack := func(plain []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	path, good := "/v1/products/"+id+"/data", []byte(`{"measurement":"packed","fields":{"v":[[1700000000000,1]]}}`)
	h.want(t, is200, "POST", path, pack(good), "Content-Encoding", "gzip")
	bomb := pack(bytes.Repeat([]byte(" "), 100<<20))
	h.want(t, []int{413}, "POST", path, bomb, "Content-Encoding", "gzip")
	whole := pack(good)
	for _, body := range [][]byte{nil, []byte("garbage"), good, whole[:len(whole)-5], whole[:3], append(slices.Clone(whole[:len(whole)-8]), 1, 2, 3, 4, 5, 6, 7, 8), append(slices.Clone(whole), "garbage"...)} {
		h.want(t, is400, "POST", path, body, "Content-Encoding", "gzip")
	}
	for _, encoding := range []string{"br", "deflate", "gzip, gzip", "x"} {
		h.want(t, []int{415}, "POST", path, good, "Content-Encoding", encoding)
	}
	for _, packed := range []string{"gzip", "br"} {
		h.want(t, []int{415}, "POST", "/v1/sensor/"+id+"/timeseries", bomb[:1000], "Content-Encoding", packed)
		h.want(t, []int{415}, "PUT", "/v1/products/"+id, bomb[:1000], "Content-Encoding", packed)
	}
	for _, kind := range []string{"text/plain", "application/xml", "\"", "multipart/form-data", "application/json/x"} {
		h.want(t, []int{415}, "POST", path, good, "Content-Type", kind)
		h.want(t, []int{415}, "POST", "/v1/sensor/"+id+"/timeseries", []byte(newPoint("t", "1", "")), "Content-Type", kind)
	}
}

// hardTimes are times that none of both dialects takes.
var hardTimes = []string{"soon", "NaN", "1e400", "99999999999999999999", "0001-01-01", "9999-12-31", "2016-12-31T23:59:60Z", "2023-02-29", "1700000000", "-1", "2024-11-20T00:00:00+25:00", "\xff", "2024-11-20T00:00:00Z\x00"}

func hardSmartParameters(t *testing.T, h hard, id string) {
	for _, path := range []string{"/v1/products/" + id + "/data", "/v1/influx/data"} {
		for name, values := range map[string][]string{
			"start":       hardTimes,
			"end":         hardTimes,
			"limit":       {"0", "-1", "1.5", "NaN", "1e3", "99999999999999999999", "\xff"},
			"ds_interval": {"0s", "-1s", "1", "s", "1.5h", "1y", "1S", "1ns", "99999999999999999999s", "1s1s", "1u", "NaN"},
			"fields":      {"[", "[1]", `["a",`, `["a"]x`, "a,,b", "time", "clientId", numbers(501), "\xff", "a\x00", strings.Repeat("[", 2000)},
			"tags":        {"{", "[]", "1", `{"a":null}`, `{"a":{}}`, `{"a":"1","a":"2"}`, `{"":"1"}`, `{"clientId":"witness"}`, `{"a":""}`, "\xff", `{"a":"\ud800"}`, strings.Repeat(`{"a":`, 300), `{"a":"b"}x`},
			"where": {"(", "a", "a =", "= 1", "a == 1", "a = 1;", "a = 1; DROP MEASUREMENT telemetry", "time > 0", `"time" > now() - 1h`, "clientId = 'witness'", "f(a) = 1", "a = (SELECT 1)", "a =~ 1", "a =~ /(/", "a > 'x'", "1 = 1",
				"a = b + 1", "a::tag = 'x'", "a = 1 OR", "a = 'x", `a = "x`, "a = $x", "/x/ = 1", strings.Repeat("(", 1000), strings.Repeat("a = 1 OR ", 50) + "a = 1", "a = 1e400", "a = NaN )", "\xff", "a = 'x\x00'", "a IN (1)", "*"},
			"measurement": {"\xff", "a\x00", strings.Repeat("m", 257)},
			"unknown":     {"1"},
		} {
			for _, value := range values {
				h.want(t, is400, "GET", path+"?"+name+"="+url.QueryEscape(value), nil)
			}
			if name != "fields" {
				h.want(t, is400, "GET", path+"?"+name+"=a&"+name+"=b", nil)
			}
		}
		for _, query := range []string{"ds_function=max", "ds_interval=1m&ds_function=evil()", "ds_interval=1m&ds_function=mean(x)", "ds_interval=1m&ds_function=mean;", "start=2024-02-01&end=2024-01-01", "start=2024-01-01&end=2024-01-01",
			"start=1678-01-01&ds_interval=1s", "%", "%zz=1", "a;b", "start=%", "where=%2", "fields=a&fields=*"} {
			h.want(t, is400, "GET", path+"?"+query, nil)
		}
	}
	for _, query := range []string{"page=0", "page=x", "per_page=501", "per_page=-1", "page=99999999999999999999", "x=1", "search=a&search=b"} {
		h.want(t, is400, "GET", "/v1/products?"+query, nil)
	}
}

func hardHeliumParameters(t *testing.T, h hard, id string) {
	for name, values := range map[string][]string{
		"page[id]":      {"", "x", "1", "urn:uuid:00000000-0000-4000-8000-000000000000", "{00000000-0000-4000-8000-000000000000}", "0000000000004000800000000000000000", "\xff", "'; DROP", strings.Repeat("0", 5000)},
		"page[size]":    {"", "0", "-1", "10001", "1.5", "1e3", "+1", " 1", "NaN", "99999999999999999999", "٣"},
		"filter[port]":  {"", ",", "a,", ",a", "\xff", strings.Repeat("p", 129), numbers(101)},
		"filter[start]": append([]string{"", "2016-03-09T22:04:38", "2016-03-09T22:04:38+01:00", "2016-03-09 22:04:38Z", "1457561078"}, hardTimes...),
		"filter[end]":   append([]string{"", "2016-03-09T22:04:38+00:00"}, hardTimes...),
	} {
		for _, value := range values {
			for _, path := range []string{"/v1/sensor/" + id + "/timeseries", "/v1/organization/timeseries", "/v1/sensor/" + id + "/timeseries/live"} {
				h.want(t, is400, "GET", path+"?"+url.Values{name: {value}}.Encode(), nil)
			}
		}
	}
	for _, query := range []string{"agg[type]=min", "agg[size]=1h", "agg[type]=&agg[size]=1h", "agg[type]=sum&agg[size]=1h", "agg[type]=min,&agg[size]=1h", "agg[type]=MIN&agg[size]=1h", "agg[type]=min&agg[size]=3m", "agg[type]=min&agg[size]=", "agg[type]=min&agg[size]=1h)",
		"agg[type]=min|> drop()&agg[size]=1h"} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		h.want(t, is400, "GET", "/v1/sensor/"+id+"/timeseries?"+values.Encode(), nil)
	}
	for _, query := range []string{"%", "page%5Bsize%5D=%zz", "a;b=1"} {
		h.want(t, is400, "GET", "/v1/sensor/"+id+"/timeseries?"+query, nil)
	}
	for _, point := range []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-8000-8000-000000000000", "ffffffff-ffff-8fff-bfff-ffffffffffff", "7fffffff-ffff-8fff-bfff-ffffffffffff",
		"80000000-0000-8000-8000-000000000000"} {
		for _, more := range []string{"", "&agg%5Btype%5D=avg&agg%5Bsize%5D=1d", "&filter%5Bstart%5D=2016-01-01&filter%5Bend%5D=2015-01-01"} {
			h.want(t, []int{404}, "GET", "/v1/sensor/"+id+"/timeseries?page%5Bid%5D="+point+more, nil)
		}
	}
	for _, filter := range []string{"", "x", "[]", "1", `{"a":1,"a":2}`, "{", strings.Repeat(`{"a":`, 300), "\xff", `{"a":NaN}`} {
		h.want(t, is400, "GET", "/v1/sensor?filter%5Bmetadata%5D="+url.QueryEscape(filter), nil)
	}
	h.want(t, is200, "GET", "/v1/sensor?filter%5Bmetadata%5D="+url.QueryEscape(`{"a":1e999999999999}`), nil)
}

// numbers are the first n numbers, with commas between them.
func numbers(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return strings.Join(all, ",")
}

// hostileSmart puts each hostile text into each place: it is refused, or read back as the text that it is.
func hostileSmart(t *testing.T, h hard, id string) {
	path := "/v1/products/" + id + "/data"
	for i, text := range hostile {
		at := strconv.FormatInt(1_700_000_000_000+int64(i), 10)
		batch := func(measurement, tag, tagValue, field, value string) (int, string) {
			b, err := json.Marshal(map[string]any{"measurement": measurement, "tags": map[string]string{tag: tagValue}, "fields": map[string]any{field: []any{[]any{json.RawMessage(at), value}}}})
			if err != nil {
				t.Fatal(err)
			}
			return h.ask(t, "POST", path, b)
		}
		read := func(measurement, field string, more url.Values) []cell {
			q := url.Values{"measurement": {measurement}, "fields": {quotedList([]string{field})}, "start": {"2023-01-01"}}
			for name, values := range more {
				q[name] = values
			}
			return h.smartRows(t, path+"?"+q.Encode())[field]
		}
		is := func(where string, got []cell, want string) {
			if len(got) != 1 || textOf(t, []byte(got[0].value)) != want {
				t.Errorf("%q as %s is read as %v", text, where, got)
			}
		}
		if code, _ := batch(text, "a", "b", "v", "as measurement"); code == 200 && strings.TrimSpace(text) != "" { // a blank parameter counts as not given
			is("measurement", read(text, "v", nil), "as measurement")
		}
		if code, _ := batch("hostile-"+strconv.Itoa(i), "a", "b", text, "as field"); code == 200 {
			is("field", read("hostile-"+strconv.Itoa(i), text, nil), "as field")
		}
		if code, _ := batch("hostile-tags", text, "b", "v", "x"); code == 200 && strings.ContainsAny(text, `'"\ ,=<>`) {
			t.Errorf("%q is taken as a tag", text)
		}
		if code, _ := batch("hostile-tags", "a", text, "v", "x"); code == 200 && strings.ContainsAny(text, `'"\ ,=<>`) {
			t.Errorf("%q is taken as the value of a tag", text)
		}
		if code, answer := batch("hostile-values", "a", "b", "v", text); code != 200 {
			t.Errorf("%q as a value: %d %s", text, code, answer)
			continue
		}
		if strings.ContainsAny(text, "\x00\r") {
			continue // which no text of InfluxQL can hold
		}
		where := url.Values{"where": {"v = '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(text) + "'"}}
		is("value, with where", read("hostile-values", "v", where), text)
	}
	got := h.smartRows(t, path+"?measurement=hostile-values&start=2023-01-01&fields=v")["v"]
	for i, text := range hostile {
		if i >= len(got) || textOf(t, []byte(got[i].value)) != text {
			t.Errorf("value %d, %q, is not read back", i, text)
		}
	}
	for _, text := range hostile {
		escaped := url.QueryEscape(text)
		for _, name := range []string{"measurement", "fields", "tags", "where", "start", "end", "limit", "ds_interval", "ds_function", "ds_interval=1m&ds_function", "product_imei", text} {
			if strings.Contains(name, "=") && name != text {
				h.ask(t, "GET", path+"?"+name+"="+escaped, nil)
				continue
			}
			h.ask(t, "GET", path+"?"+url.QueryEscape(name)+"="+escaped, nil)
			h.ask(t, "GET", "/v1/influx/data?"+url.QueryEscape(name)+"="+escaped, nil)
		}
		for _, form := range []string{`"%s" = 1`, `%s = 1`, `v = '%s'`, `v = "%s"`, `v =~ /%s/`, `v = %s`} {
			h.ask(t, "GET", path+"?where="+url.QueryEscape(fmt.Sprintf(form, text)), nil)
		}
		tags, err := json.Marshal(map[string]string{"a": text})
		if err != nil {
			t.Fatal(err)
		}
		h.ask(t, "GET", path+"?measurement=hostile-values&tags="+url.QueryEscape(string(tags)), nil)
		h.ask(t, "GET", "/v1/influx/custom_query?q="+escaped, nil)
		h.ask(t, "GET", "/v1/products?search="+escaped, nil)
		h.ask(t, "GET", "/v1/products?product_type="+escaped, nil)
	}
}

// hostileHelium uses each hostile text as a port, a value, and as every parameter.
func hostileHelium(t *testing.T, h hard, id string) {
	path := "/v1/sensor/" + id + "/timeseries"
	n := 0
	for _, text := range hostile {
		if len(text) <= 128 {
			n++
			h.want(t, is201, "POST", path, []byte(newPoint(text, quoted(text), "2016-03-09T22:04:38Z")))
			got := h.page(t, id, url.Values{"filter[port]": {text}}).Data
			if !strings.Contains(text, ",") && (len(got) != 1 || got[0].Attributes.Port != text || textOf(t, got[0].Attributes.Value) != text) {
				t.Errorf("%q is read as %+v", text, got)
			}
		}
		for _, name := range []string{"page[id]", "page[size]", "filter[port]", "filter[start]", "filter[end]", "agg[type]", "agg[size]", text} {
			h.ask(t, "GET", path+"?"+url.Values{name: {text}}.Encode(), nil)
		}
		h.ask(t, "GET", path+"?"+url.Values{"filter[port]": {text}, "filter[start]": {"2016-03-09"}, "filter[end]": {"2016-03-10"}, "agg[type]": {"avg"}, "agg[size]": {"1h"}}.Encode(), nil)
		h.ask(t, "GET", "/v1/sensor?"+url.Values{"filter[metadata]": {text}}.Encode(), nil)
		h.want(t, is400, "POST", path, []byte(newPoint("t", "1", text)))
	}
	all := h.page(t, id, url.Values{}).Data
	if len(all) != n {
		t.Errorf("%d points of %d are there", len(all), n)
	}
	for _, d := range all {
		if d.Attributes.Port != textOf(t, d.Attributes.Value) {
			t.Errorf("port %q is the one of %s", d.Attributes.Port, d.Attributes.Value)
		}
	}
	var sensor struct {
		Data struct{ Meta struct{ Ports []string } }
	}
	if err := json.Unmarshal([]byte(h.v1(t, 200, "GET", "/v1/sensor/"+id, "")), &sensor); err != nil || len(sensor.Data.Meta.Ports) != n {
		t.Errorf("%v: %q", err, sensor.Data.Meta.Ports)
	}
}

// hostileProfiles uses each hostile text as a name, a label, a product type, and in metadata.
func hostileProfiles(t *testing.T, h hard, id string) {
	for _, text := range hostile {
		body := []byte(`{"data":{"attributes":{"name":` + quoted(text) + `}}}`)
		for _, row := range []struct{ method, path string }{{"PATCH", "/v1/sensor/" + id}, {"POST", "/v1/label"}} {
			code, answer := h.ask(t, row.method, row.path, body)
			var got struct {
				Data struct{ Attributes struct{ Name string } }
			}
			if code < 300 && (json.Unmarshal([]byte(answer), &got) != nil || got.Data.Attributes.Name != cmp.Or(strings.TrimSpace(text), id) && got.Data.Attributes.Name != text) {
				t.Errorf("%s %s: the name %q is %q", row.method, row.path, text, got.Data.Attributes.Name)
			}
		}
		h.ask(t, "PUT", "/v1/products/"+id, []byte(`{"name":`+quoted(text)+`}`))
		h.ask(t, "PUT", "/v1/products/"+id, []byte(`{"product_type":`+quoted(text)+`}`))
		h.ask(t, "PUT", "/v1/product_types/hostile", []byte(`{"measurement":`+quoted(text)+`}`))
		h.ask(t, "PUT", "/v1/product_types/hostile", []byte(`{"fields":[`+quoted(text)+`]}`))
		h.ask(t, "PUT", "/v1/product_types/hostile", []byte(`{"start":`+quoted(text)+`}`))
		metadata := `{` + quoted(text) + `:` + quoted(text) + `}`
		if answer := h.want(t, is200, "PUT", "/v1/sensor/"+id+"/metadata", []byte(`{"data":{"attributes":`+metadata+`}}`)); answer != "" {
			var got struct {
				Data struct{ Attributes map[string]string }
			}
			if err := json.Unmarshal([]byte(answer), &got); err != nil || len(got.Data.Attributes) != 1 || got.Data.Attributes[text] != text {
				t.Errorf("metadata %s are %v, %v", metadata, got.Data.Attributes, err)
			}
		}
		found := h.want(t, is200, "GET", "/v1/sensor?filter%5Bmetadata%5D="+url.QueryEscape(metadata), nil)
		if strings.Count(found, `"type":"sensor"`) < 1 || strings.Contains(found, `"witness"`) {
			t.Errorf("by metadata %s is found %.300s", metadata, found)
		}
	}
}

// hostileAddresses puts each hostile text into the variables of addresses.
func hostileAddresses(t *testing.T, h hard, id string) {
	for _, text := range append([]string{"%", "%%", "a/b", "\xff", "0"}, hostile...) {
		escaped := url.PathEscape(text)
		for _, row := range []string{
			"GET /v1/products/%s", "GET /v1/products/%s/data", "POST /v1/products/%s/data", "PUT /v1/products/%s", "GET /v1/product_types/%s", "DELETE /v1/product_types/%s",
			"GET /v1/sensor/%s", "GET /v1/sensor/%s/timeseries", "POST /v1/sensor/%s/timeseries", "DELETE /v1/sensor/%s", "GET /v1/sensor/%s/metadata", "GET /v1/label/%s", "DELETE /v1/label/%s", "GET /v1/label/%s/sensor",
		} {
			method, path, _ := strings.Cut(row, " ")
			code, answer := h.ask(t, method, fmt.Sprintf(path, escaped), []byte(newPoint("t", "1", "")))
			if code < 300 {
				t.Errorf("%s: %d %.200s", fmt.Sprintf(row, escaped), code, answer)
			}
		}
	}
	h.want(t, is200, "GET", "/v1/products/"+id, nil)
}

// hardStatements sends statements that do more than read, and some that take long.
func hardStatements(t *testing.T, h hard, _ string) {
	for _, statement := range []string{
		"DROP MEASUREMENT telemetry", "DELETE FROM telemetry", "DROP SERIES FROM telemetry", "DROP DATABASE iot_center", "CREATE DATABASE x", "SELECT * INTO x FROM telemetry", "SELECT voltage FROM telemetry; DROP MEASUREMENT telemetry",
		"SELECT * FROM iot_center_auth..registrations", `SELECT * FROM "iot_center_auth"."autogen"."registrations"`, "SHOW DATABASES", "SHOW USERS", "SHOW GRANTS FOR x", "SHOW MEASUREMENTS ON iot_center_auth", "SHOW FIELD KEYS ON iot_center_auth",
		"SELECT * FROM (SELECT * FROM iot_center_auth..registrations)", "KILL QUERY 1", "ALTER RETENTION POLICY x ON y DEFAULT", "GRANT ALL TO x", "SET PASSWORD FOR x = 'y'", "EXPLAIN ANALYZE SELECT * FROM telemetry", "SELECT", "SELECT 1", "",
		strings.Repeat("(", 4000), "SELECT mean(voltage) FROM telemetry WHERE time > 0 GROUP BY time(1ns)", "SELECT * FROM /(a+)+$/", "\xff", "SELECT 'x\x00' FROM telemetry",
	} {
		code, text := h.ask(t, "GET", "/v1/influx/custom_query?q="+url.QueryEscape(statement), nil)
		if code == 200 && !strings.HasPrefix(statement, "SELECT * FROM /") && !strings.Contains(statement, "GROUP BY") {
			t.Errorf("%.100q: %d %.300s", statement, code, text)
		}
		if strings.Contains(text, testKey) || strings.Contains(text, "tokenHash") {
			t.Errorf("%.100q tells secrets", statement)
		}
	}
}
