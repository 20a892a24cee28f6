//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"iotcenter/e2e/program"
)

// product is a device of the shared program that speaks both dialects under /v1.
const product = "013777946874001"

// dialect makes a request with the API key, as programs do.
func (a *app) dialect(t *testing.T, method, path, body string, want int) []byte {
	t.Helper()
	return a.call(t, method, path, body, http.Header{"Authorization": {"Token token=" + program.APIKey}, "Content-Type": {"application/json"}}, want)
}

// populateProduct gives the shared program a product with data and events, its type, and its name.
func (a *app) populateProduct(t *testing.T) {
	t.Helper()
	now := time.Now().Truncate(time.Minute)
	a.call(t, http.MethodPost, "/api/devices/"+product, "", nil, http.StatusCreated)
	var current, voltage, power, charge []string
	for at := now.Add(-24 * time.Hour); at.Before(now); at = at.Add(5 * time.Minute) {
		sun := math.Max(0, math.Sin(float64(at.Unix()%86400)/86400*2*math.Pi-math.Pi/2))
		pair := func(value float64) string { return fmt.Sprintf("[%d,%.2f]", at.UnixMilli(), value) }
		current, voltage = append(current, pair(0.4+3*sun)), append(voltage, pair(12.1+1.4*sun))
		power = append(power, pair((0.4+3*sun)*(12.1+1.4*sun)))
		charge = append(charge, fmt.Sprintf("[%d,%d]", at.UnixMilli(), 55+int(40*sun)))
	}
	a.dialect(t, http.MethodPost, "/v1/products/"+product+"/data", `{"measurement":"telemetry","fields":{"current":[`+strings.Join(current, ",")+`],"voltage":[`+
		strings.Join(voltage, ",")+`],"active_power":[`+strings.Join(power, ",")+`],"state_of_charge_percent":[`+strings.Join(charge, ",")+`]}}`, http.StatusOK)
	post := func(port, value string, at time.Time) {
		a.dialect(t, http.MethodPost, "/v1/sensor/"+product+"/timeseries", fmt.Sprintf(
			`{"data":{"type":"data-point","attributes":{"port":%q,"value":%s,"timestamp":%q}}}`, port, value, at.UTC().Format(time.RFC3339)), http.StatusCreated)
	}
	for i := range 12 {
		at := now.Add(-time.Duration(i) * 10 * time.Minute)
		post("t", fmt.Sprintf("%.1f", 21+math.Sin(float64(i))), at)
		post("b", fmt.Sprint(2700-5*i), at)
	}
	post("_se", `{"kind":"com.example.tamper","details":{"axis":"x","g":1.7},"message":"The case was moved."}`, now.Add(-3*time.Hour))
	post("_e", `{"kind":"_sensor.connect","details":{"channel":11,"radio":0},"message":"Sensor connected on channel 11."}`, now.Add(-6*time.Hour))
	a.dialect(t, http.MethodPut, "/v1/product_types/bpower50", `{"measurement":"telemetry","start":"30d"}`, http.StatusCreated)
	a.dialect(t, http.MethodPut, "/v1/products/"+product, `{"name":"Pump house","product_type":"bpower50","attributes":{"village":"Kibera","panels":2}}`, http.StatusOK)
}

// TestProduct: what programs wrote in two dialects is on the device's page and its dashboards, with titles and units.
func TestProduct(t *testing.T) {
	a := populatedApp(t)
	tb := openTab(t, a)
	tb.visit("/devices/" + product)
	for _, words := range []string{"Pump house", "bpower50", "State of charge", "The case was moved.", "com.example.tamper", "Sensor connected on channel 11."} {
		tb.sees(words)
	}
	if got := eval[string](tb, `document.querySelector('[name="attributes_json"]').value`); !strings.Contains(got, `"Kibera"`) {
		t.Errorf("the attributes are %q", got)
	}
	tb.visit("/dashboard/" + product)
	tb.untilDrawn()
	for _, words := range []string{"Current", "Voltage", "Active power", "State of charge"} {
		tb.sees(words)
	}
	for _, unit := range []string{"A", "V", "W", "%"} {
		tb.until("the unit "+unit, find(fmt.Sprintf(`[...document.querySelectorAll('main *')].some((e) => seen(e) && !e.children.length && tidy(e.textContent) === %q)`, unit)))
	}
	tb.visit("/dashboard/" + product + "?measurement=helium&range=6h")
	tb.untilDrawn()
	tb.sees("Temperature")
	tb.sees("Battery")
	tb.sees("mV")
}

// TestProfileForm: a person names a device, gives it a type and attributes, and is told what is wrong with them.
func TestProfileForm(t *testing.T) {
	a := freshApp(t)
	a.register(t, "pump-1")
	a.dialect(t, http.MethodPut, "/v1/product_types/bpower50", `{"start":"30d"}`, http.StatusCreated)
	tb := openTab(t, a)
	tb.visit("/devices/pump-1")
	set := func(name, value string) {
		tb.must(chromedp.SetValue(chromedp.CSS(`form[action="/devices/pump-1/profile"] [name="`+name+`"]`), value))
	}
	set("name", "Pump house")
	set("attributes_json", `{"village": `)
	tb.expect(422)
	tb.must(chromedp.Click(chromedp.CSS(`form[action="/devices/pump-1/profile"] button[type="submit"]`)))
	tb.until("the field that is wrong", find(`seen(document.querySelector('[name="attributes_json"][aria-invalid="true"]'))`))
	if got := eval[string](tb, `document.querySelector('[name="name"]').value`); got != "Pump house" {
		t.Errorf("the name that was typed is %q now", got)
	}
	tb.shot("profile-refused-light-1280")
	set("attributes_json", `{"village":"Kibera"}`)
	set("product_type", "bpower50")
	tb.must(chromedp.Click(chromedp.CSS(`form[action="/devices/pump-1/profile"] button[type="submit"]`)))
	tb.arrives("/devices/pump-1")
	tb.until("the new name", find(`tidy(document.querySelector('main').innerText).includes('Pump house')`))
	if text := string(a.dialect(t, http.MethodGet, "/v1/products/pump-1", "", http.StatusOK)); !strings.Contains(text, `"village":"Kibera"`) || !strings.Contains(text, `"product_type":"bpower50"`) {
		t.Errorf("the API says %s", text)
	}
}

// TestAPIPage: the description leads from part to part and from language to language, with code that carries the address.
func TestAPIPage(t *testing.T) {
	a := populatedApp(t)
	tb := openTab(t, a)
	tb.visit("/")
	tb.press("nav a[href]", "API")
	tb.arrives("/api-docs")
	tb.press("main nav a[href]", "SMART")
	tb.arrives("/api-docs/smart")
	tb.sees("/v1/products/{imei}/data")
	tb.until("curl with the right address", find(fmt.Sprintf(`[...document.querySelectorAll('pre')].some((e) => e.innerText.startsWith('curl') && e.innerText.includes(%q))`, a.URL+"/v1/products/")))
	tb.press("main nav a[href]", "Python")
	tb.until("Python with the right address", find(fmt.Sprintf(`[...document.querySelectorAll('pre')].some((e) => e.innerText.includes('import os, requests') && e.innerText.includes(%q))`, a.URL+"/v1/products/")))
	tb.press("main nav a[href]", "Helium")
	tb.until("the language stays", find(`document.querySelector('main nav a[aria-current="true"]').innerText === 'Python'`))
}
