package handlers

import "net/http"

// deviceEndpoints are the app's own API.
func deviceEndpoints() []endpoint {
	const group = "devices"
	return []endpoint{
		{method: http.MethodGet, path: "/api/devices", group: group, title: "List all devices",
			about:   "All registered devices, by id, as one streamed list.",
			answers: answersJSON(200, "The devices.", listSchema(component("Device")))},
		{method: http.MethodPost, path: "/api/devices/{id}", group: group, title: "Register a device",
			about: "Makes the device known and mints its write token, which its configuration tells.",
			answers: []answer{
				{201, "It is registered now.", jsonKind, component("Device")},
				{200, "It was registered before.", jsonKind, component("Device")},
			}},
		{method: http.MethodDelete, path: "/api/devices/{id}", group: group, title: "Remove a device",
			about:   "Its token stops working at once.",
			query:   []parameter{{name: "data", about: "delete removes what it wrote as well; keep is the default.", schema: oneOfTexts("keep", "delete")}},
			answers: []answer{{status: 204, about: "It is removed."}},
			example: example{query: "data=keep"}},
		{method: http.MethodGet, path: "/api/env/{id}", group: group, title: "Ask for a device's configuration",
			about: "What a device is told: where to write, with which token, and how often. The credential is the device's own token, an enrolment key, or an API key of level ADMIN; without one, an open enrolment window or an operator's approval lets a device in. Asking by HEAD is not possible: it would use an approval up.",
			query: []parameter{
				{name: "register", about: "Whether an unknown device is registered, where the credential allows it.", schema: boolean("")},
				{name: "key", about: "An enrolment key, for devices that can send no header.", schema: text("")},
				{name: "accept", about: "text/plain answers with lines of name: value instead of JSON.", schema: oneOfTexts("text/plain")},
			},
			answers: []answer{{200, "The configuration.", jsonKind, deviceEnvironmentSchema()}},
			example: example{query: "register=true"}},
		{method: http.MethodPost, path: "/api/devices/{id}/backfill", group: group, title: "Write missing data of a virtual device",
			about:   "Writes a point for each minute of the last seven days that has none, and answers when all are stored.",
			answers: answersJSON(200, "How many points were written.", object(with("written", integer(""))))},
		{method: http.MethodGet, path: "/api/devices/{id}/series", group: group, title: "Read a device's series",
			about: "Numeric fields over time, aggregated in the database: never more points than asked for. In the measurement helium the fields are the ports.",
			query: []parameter{
				{name: "measurement", about: "environment is the default.", schema: text("")},
				{name: "fields", about: "Names between commas, or repeated; all numeric fields without it.", schema: text("")},
				{name: "start", about: "A time such as 2026-11-18T09:00:00Z, or an age such as -30d; -1d is the default.", schema: text("")},
				{name: "stop", about: "As start; now is the default.", schema: text("")},
				{name: "points", about: "At most so many windows; 600 is the default.", schema: integer("").and("minimum", 1).and("maximum", mostSeriesPoints)},
				{name: "format", about: "csv or json; without it the Accept header decides.", schema: oneOfTexts("csv", "json")},
			},
			answers: []answer{{200, "The series.", jsonKind, seriesSchema()}},
			example: example{query: "start=-7d&points=300"}},
		{method: http.MethodGet, path: "/api/gpxVirtual", group: group, title: "The virtual device's track",
			answers: answersJSON(200, "Positions as [latitude, longitude], in degrees.", listSchema(pair(numeric(""), numeric(""))))},
		{method: http.MethodGet, path: "/api/openapi.json", group: group, title: "This description",
			answers: answersJSON(200, "An OpenAPI 3.1 document.", schema{"type": "object"})},
		{method: http.MethodGet, path: "/healthz", group: group, title: "Whether the process answers",
			about:   "Open to everybody.",
			answers: []answer{{200, "It does.", "text/plain", text("")}}},
		{method: http.MethodGet, path: "/readyz", group: group, title: "Whether the app can work",
			about: "Open to everybody. 503 while the database does not answer or nobody could sign in.",
			answers: []answer{
				{200, "It can.", jsonKind, object(with("status", constant("ready")))},
				{503, "It cannot yet.", jsonKind, object(with("status", constant("unavailable")))},
			}},
	}
}

func deviceEnvironmentSchema() schema {
	words := text("")
	members := []member{
		with("influx_url", text("where to write, with the InfluxDB API")), with("influx_org", words), with("influx_token", text("the device's write token")),
		with("influx_bucket", words), with("id", words), with("default_lon", numeric("degrees")), with("default_lat", numeric("degrees")),
		with("measurement_interval", integer("seconds between two measurements")), with("newlyRegistered", boolean("")),
		with("createdAt", timeText("")), with("updatedAt", timeText("")), with("serverTime", timeText("sets the clock of a device that has none")),
		with("configuration_refresh", integer("seconds until the device should ask again")), with("write_endpoint", words),
	}
	for _, name := range []string{"kafka_url", "kafka_topic", "mqtt_url", "mqtt_topic", "mqtt_user", "mqtt_password", "mqtt_options"} {
		members = append(members, maybe(name, words))
	}
	return object(members...)
}

func seriesSchema() schema {
	numbers := listSchema(numeric("").orNull())
	return object(with("device", text("")), with("measurement", text("")), with("start", timeText("")), with("stop", timeText("")),
		with("every", text("width of a window, as Go writes durations; 0s with raw")), with("raw", boolean("the points are as they were stored")),
		with("series", listSchema(object(with("field", text("")), with("title", text("")), with("unit", text("")),
			with("times", listSchema(timeText(""))), with("mean", numbers), with("min", numbers), with("max", numbers)))))
}

// gatewayEndpoints are the part of InfluxDB's API that devices reach.
func gatewayEndpoints() []endpoint {
	const group = "line-protocol"
	return []endpoint{
		{method: http.MethodPost, path: gatewayWritePath, group: group, title: "Write points of a device",
			about: "InfluxDB's line protocol, plain or gzip, at most 32 MB unpacked. Every point gets the tag clientId with the device's id; one that names another device is refused, and nothing of the body is written.",
			query: []parameter{
				{name: "precision", about: "The unit of the times; ns is the default.", schema: oneOfTexts("ns", "us", "ms", "s")},
				{name: "bucket", about: "The data bucket; it may be left out.", schema: text("")},
				{name: "org", about: "Not looked at: there is one.", schema: text("")},
			},
			body:    &content{kind: "text/plain", schema: text("line protocol")},
			answers: []answer{{status: 204, about: "The points are on disk."}},
			example: example{query: "precision=s", body: "environment Temperature=21.4,Humidity=40.2 1793440000"}},
		{method: http.MethodGet, path: "/influx/health", group: group, title: "Whether writing works",
			about: "Open to everybody, as InfluxDB's own.",
			answers: []answer{
				{200, "It does.", jsonKind, influxHealthSchema("pass")},
				{503, "It does not.", jsonKind, influxHealthSchema("fail")},
			}},
		{method: http.MethodGet, path: "/influx/ping", group: group, title: "Whether somebody is there",
			about:   "Open to everybody, as InfluxDB's own.",
			answers: []answer{{status: 204, about: "Somebody is."}}},
	}
}

func influxHealthSchema(status string) schema {
	return object(with("name", constant("influxdb")), with("message", text("")), with("checks", listSchema(text(""))), with("status", constant(status)), with("version", text("")))
}
