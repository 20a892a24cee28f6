package handlers

import (
	"net/http"

	"iotcenter/telemetry/helium"
)

// heliumData is an answer's envelope.
func heliumData(s schema) schema { return object(with("data", s)) }

// heliumEndpoints are the Helium dialect.
func heliumEndpoints() []endpoint {
	const (
		group        = "helium"
		sensorPath   = "/v1/sensor/{sensor}"
		labelPath    = "/v1/label/{label}"
		nameBody     = `{"data":{"type":"sensor","attributes":{"name":"Cold store"}}}`
		labelBody    = `{"data":{"type":"label","attributes":{"name":"ground floor"}}}`
		pointBody    = `{"data":{"type":"data-point","attributes":{"port":"t","value":21.5,"timestamp":"2026-11-20T12:00:00Z"}}}`
		sensorsBody  = `{"data":[{"type":"sensor","id":"c24f3bdc-b668-4999-bb45-5ea11027a860"}]}`
		labelsBody   = `{"data":[{"type":"label","id":"f0e36cac-a87f-4388-9ce4-102b3f01822a"}]}`
		metadataBody = `{"data":{"type":"metadata","attributes":{"floor":2}}}`
	)
	var out []endpoint
	for _, of := range []struct{ path, words, about string }{
		{sensorSeriesPath, "a sensor's", ""},
		{organizationSeriesPath, "the organisation's", "The points that belong to the organisation itself, and to no sensor."},
	} {
		out = append(out,
			endpoint{method: http.MethodGet, path: of.path, group: group, title: "Read " + of.words + " time series",
				about: joined(of.about, "Newest first. links.prev leads to the older page, links.next to the newer one."), query: heliumQuery(),
				answers: answersJSON(200, "A page of points.", object(with("data", listSchema(component("DataPoint"))),
					with("links", object(maybe("prev", text("")), maybe("next", text("")))))),
				example: example{query: "page%5Bsize%5D=2"}},
			endpoint{method: http.MethodPost, path: of.path, group: group, title: "Post a point to " + of.words + " time series",
				about: joined(of.about, "Any JSON value on any port; a port may change the type of its values. Without a timestamp it is of now."),
				body:  takesJSON(component("NewDataPoint")), answers: answersJSON(201, "The point, on disk.", heliumData(component("DataPoint"))), example: example{body: pointBody}},
			endpoint{method: http.MethodGet, path: of.path + "/live", group: group, title: "Follow " + of.words + " time series",
				about:   joined(of.about, "Server-sent events, one for each point that this process receives: event is sensor, data is {\"data\":<point>}."),
				query:   []parameter{{name: "filter[port]", about: "Names between commas.", schema: text("")}},
				answers: []answer{{200, "The stream.", "text/event-stream", text("")}}, example: example{query: "filter%5Bport%5D=t"}})
	}
	sensor, label := heliumData(component("Sensor")), heliumData(component("Label"))
	references := heliumData(listSchema(component("Reference")))
	naming := func(kind string) schema {
		return heliumData(open(anything(""), maybe("type", constant(kind)), with("attributes", open(anything(""), maybe("name", text(""))))))
	}
	out = append(out,
		endpoint{method: http.MethodGet, path: "/v1/sensor", group: group, title: "List sensors",
			query:   []parameter{{name: "filter[metadata]", about: "Only sensors whose metadata contain this JSON.", schema: text("")}},
			answers: answersJSON(200, "All sensors.", heliumData(listSchema(component("Sensor"))))},
		endpoint{method: http.MethodPost, path: "/v1/sensor", group: group, title: "Make a sensor", about: "Registers a device whose id is a new random UUID.",
			body: takesJSON(naming("sensor")), answers: answersJSON(201, "The sensor.", sensor), example: example{body: nameBody}},
		endpoint{method: http.MethodGet, path: sensorPath, group: group, title: "Read a sensor", answers: answersJSON(200, "The sensor.", sensor)},
		endpoint{method: http.MethodPatch, path: sensorPath, group: group, title: "Rename a sensor", body: takesJSON(naming("sensor")),
			answers: answersJSON(200, "The sensor.", sensor), example: example{body: nameBody}},
		endpoint{method: http.MethodDelete, path: sensorPath, group: group, title: "Remove a sensor", about: "Unregisters the device; its data stay.",
			answers: []answer{{status: 204, about: "It is removed."}}},
		endpoint{method: http.MethodGet, path: sensorPath + "/metadata", group: group, title: "Read a sensor's metadata",
			answers: answersJSON(200, "The metadata.", heliumData(component("Metadata")))},
		endpoint{method: http.MethodPatch, path: sensorPath + "/metadata", group: group, title: "Merge into a sensor's metadata",
			body: takesJSON(component("NewMetadata")), answers: answersJSON(200, "The metadata.", heliumData(component("Metadata"))), example: example{body: metadataBody}},
		endpoint{method: http.MethodPut, path: sensorPath + "/metadata", group: group, title: "Replace a sensor's metadata",
			body: takesJSON(component("NewMetadata")), answers: answersJSON(200, "The metadata.", heliumData(component("Metadata"))), example: example{body: metadataBody}},
		endpoint{method: http.MethodGet, path: sensorPath + "/label", group: group, title: "List the labels of a sensor",
			answers: answersJSON(200, "The labels.", heliumData(listSchema(component("Label"))))},
		endpoint{method: http.MethodGet, path: "/v1/label", group: group, title: "List labels", answers: answersJSON(200, "All labels.", heliumData(listSchema(component("Label"))))},
		endpoint{method: http.MethodPost, path: "/v1/label", group: group, title: "Make a label", body: takesJSON(naming("label")),
			answers: answersJSON(201, "The label.", label), example: example{body: labelBody}},
		endpoint{method: http.MethodGet, path: labelPath, group: group, title: "Read a label", answers: answersJSON(200, "The label.", label)},
		endpoint{method: http.MethodPatch, path: labelPath, group: group, title: "Rename a label", body: takesJSON(naming("label")),
			answers: answersJSON(200, "The label.", label), example: example{body: labelBody}},
		endpoint{method: http.MethodDelete, path: labelPath, group: group, title: "Remove a label", answers: []answer{{status: 204, about: "It is removed."}}},
		endpoint{method: http.MethodGet, path: labelPath + "/sensor", group: group, title: "List the sensors of a label",
			answers: answersJSON(200, "The sensors.", heliumData(listSchema(component("Sensor"))))},
		endpoint{method: http.MethodGet, path: "/v1/organization", group: group, title: "Read the organisation",
			answers: answersJSON(200, "The organisation.", heliumData(component("Organization")))},
	)
	for _, of := range []struct{ path, others, body string }{
		{labelPath + "/relationships/sensor", "the sensors of a label", sensorsBody},
		{sensorPath + "/relationships/label", "the labels of a sensor", labelsBody},
	} {
		out = append(out, endpoint{method: http.MethodGet, path: of.path, group: group, title: "Read which are " + of.others, answers: answersJSON(200, "References.", references)})
		for _, act := range []struct{ method, word string }{{http.MethodPost, "Add to "}, {http.MethodPatch, "Replace "}, {http.MethodDelete, "Take from "}} {
			out = append(out, endpoint{method: act.method, path: of.path, group: group, title: act.word + of.others,
				body: takesJSON(heliumData(listSchema(open(anything(""), with("id", text("")), maybe("type", text("")))))), answers: answersJSON(200, "References, as they are now.", references), example: example{body: of.body}})
		}
	}
	return out
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

// heliumQuery are the parameters of a read.
func heliumQuery() []parameter {
	return []parameter{
		{name: "page[id]", about: "The newest point of the page, as links name it.", schema: text("")},
		{name: "page[size]", about: "1000 is the default.", schema: integer("").and("minimum", 1).and("maximum", helium.MaxPage)},
		{name: "filter[port]", about: "Names between commas.", schema: text("")},
		{name: "filter[start]", about: "YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ, included.", schema: text("")},
		{name: "filter[end]", about: "As filter[start], excluded.", schema: text("")},
		{name: "agg[type]", about: "Of min, max and avg, between commas; with agg[size].", schema: text("")},
		{name: "agg[size]", about: "Width of the buckets; m, h and d are short for 1m, 1h and 1d.", schema: oneOfTexts("m", "1m", "2m", "5m", "10m", "30m", "h", "1h", "6h", "12h", "d", "1d")},
	}
}

func heliumComponents() schema {
	sensorRelation := object(with("data", object(with("id", uuidText("")), with("type", constant("sensor")))))
	return schema{
		"DataPoint": object(with("attributes", object(with("value", anything("any JSON value")), with("timestamp", timeText("when it was measured, in microseconds")), with("port", text("")))),
			maybe("relationships", object(with("sensor", sensorRelation))), with("id", uuidText("")), with("meta", object(with("created", timeText("when it was received")))), with("type", constant("data-point"))),
		"NewDataPoint": object(with("data", open(anything(""), maybe("type", constant("data-point")), with("attributes", open(anything(""),
			with("port", text("")), with("value", anything("any JSON value")), maybe("timestamp", text("")))))), maybe("links", anything(""))).and("additionalProperties", true),
		"Reference": object(with("id", uuidText("")), with("type", oneOfTexts("sensor", "label"))),
		"Sensor": object(with("attributes", object(with("name", text("")))), with("relationships", schema{"type": "object"}), with("id", uuidText("")),
			with("meta", object(with("card", schema{"type": "null"}), with("mac", text("16 hexadecimal digits").orNull()), with("created", timeText("")), with("updated", timeText("")),
				with("last-seen", timeText("").orNull()), with("ports", listSchema(text(""))))), with("type", constant("sensor"))),
		"Label": object(with("attributes", object(with("name", text("")))), with("relationships", schema{"type": "object"}), with("id", uuidText("")),
			with("meta", object(with("created", timeText("")), with("updated", timeText("")))), with("type", constant("label"))),
		"Metadata":     open(anything(""), with("attributes", schema{"type": "object"}), with("id", uuidText("")), with("type", constant("metadata"))),
		"NewMetadata":  object(with("data", open(anything(""), maybe("type", constant("metadata")), with("attributes", schema{"type": "object"})))),
		"Organization": object(with("attributes", object(with("name", text("")), with("timezone", text("")))), maybe("relationships", schema{"type": "object"}), with("id", uuidText("")), with("meta", schema{"type": "object"}), with("type", constant("organization"))),
	}
}
