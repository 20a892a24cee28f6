package handlers

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	app := furnished(t)
	doc := pageOf(t, app.do("GET", "/buckets", ""), 200)
	says(t, doc, "tbody tr:nth-child(1)", "iot_center Device data Keeps: Forever")
	says(t, doc, "tbody tr:nth-child(2)", "iot_center_auth User Keeps: Forever")
	says(t, doc, "tbody tr:nth-child(3)", "_monitoring System Keeps: 7 days")
	has(t, doc, `tbody a[href="/buckets/b1/retention"][data-dialog]`, 1)
	has(t, doc, `tbody a[href="/buckets/b3/retention"]`, 0) // InfluxDB's own

	rows := []struct{ name, retention, selector, says string }{
		{"iot_center", "0", ".field #bucket-name-problem", "A bucket of this name exists already."},
		{"", "0", ".field #bucket-name-problem", "The database refuses this: that is no name."},
		{"_mine", "0", ".field #bucket-name-problem", "The database refuses this: that is no name."},
		{"<script>", "x", ".field #new-retention-problem", "Choose one of the times of the list."},
		{"mine", "-1", ".field #new-retention-problem", "Choose one of the times of the list."},
		{"mine", "", ".field #new-retention-problem", "Choose one of the times of the list."},
		{"mine", "60", ".field #new-retention-problem", "Choose one of the times of the list."},
		{"mine", "9223372036854775807", ".field #new-retention-problem", "Choose one of the times of the list."},
	}
	for _, row := range rows {
		doc := pageOf(t, app.post("/buckets", url.Values{"name": {row.name}, "retention": {row.retention}}), 422)
		says(t, doc, row.selector, row.says)
		if got := doc.Find("#bucket-name").AttrOr("value", "?"); got != row.name {
			t.Errorf("%q: value %q", row.name, got)
		}
		has(t, doc, "form [aria-invalid=true][aria-describedby="+doc.Find(".field .err").AttrOr("id", "?")+"]", 1)
		has(t, doc, "form .err", 1)
		has(t, doc, "tbody tr", 3)
	}
	// What was chosen is kept beside a bad name.
	has(t, pageOf(t, app.post("/buckets", url.Values{"name": {""}, "retention": {"604800"}}), 422), `#new-retention option[value="604800"][selected]`, 1)

	doc = app.follow(t, app.post("/buckets", url.Values{"name": {" mine "}, "retention": {"86400"}}))
	says(t, doc, ".flash.ok", "Bucket mine is there.")
	says(t, doc, "tbody tr:nth-child(4)", "mine User Keeps: 1 day")
}

func TestRetention(t *testing.T) {
	app := furnished(t)
	of := func(i int) time.Duration { return app.db.buckets[i].Retention }
	doc := pageOf(t, app.do("GET", "/buckets/b1/retention", ""), 200)
	has(t, doc, `section[data-dialog-body] form[method=post][action="/buckets/b1/retention"] option[value="0"][selected]`, 1)

	// A change that deletes data is asked for twice.
	doc = pageOf(t, app.post("/buckets/b1/retention", url.Values{"retention": {"86400"}}), 200)
	has(t, doc, "input[name=confirm][value=yes]", 1)
	has(t, doc, `input[name=retention][value="86400"]`, 1)
	says(t, doc, "main form", "keeps data forever now. With 1 day , all older points are deleted")
	says(t, doc, "main form", "This is the bucket that all devices write to.")
	if of(0) != 0 {
		t.Fatal("changed before it was confirmed")
	}
	doc = app.follow(t, app.post("/buckets/b1/retention", url.Values{"retention": {"86400"}, "confirm": {"yes"}}))
	says(t, doc, ".flash.ok", "Bucket iot_center keeps data for 1 day.")
	if of(0) != 24*time.Hour {
		t.Errorf("retention %s", of(0))
	}
	// One that keeps data longer is not.
	says(t, app.follow(t, app.post("/buckets/b1/retention", url.Values{"retention": {"0"}})), ".flash.ok", "Bucket iot_center keeps data forever.")

	says(t, pageOf(t, app.post("/buckets/b1/retention", url.Values{"retention": {"soon"}}), 422), ".field #retention-problem", "Choose one of the times of the list.")
	// Registrations and InfluxDB's own buckets keep their data.
	doc = pageOf(t, app.post("/buckets/b2/retention", url.Values{"retention": {"3600"}, "confirm": {"yes"}}), 422)
	says(t, doc, ".field #retention-problem", `The database refuses this: "iot_center_auth" keeps its data.`)
	if of(1) != 0 {
		t.Errorf("retention of the registrations: %s", of(1))
	}
	says(t, pageOf(t, app.post("/buckets/b3/retention", url.Values{"retention": {"0"}}), 404), "main h2", "Bucket not found!")
	if of(2) != 7*24*time.Hour {
		t.Errorf("retention of a system bucket: %s", of(2))
	}
	status(t, app.do("POST", "/buckets/b1/retention", "retention=%zz", "Content-Type", "application/x-www-form-urlencoded"), 400)
	status(t, app.post("/buckets", url.Values{"name": {strings.Repeat("x", maxBody)}}), 413)
}
