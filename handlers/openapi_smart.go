package handlers

import "net/http"

// smartAnswer is a success's envelope around data.
func smartAnswer(data schema) schema {
	return object(with("status", constant("success")), with("message", text("")), with("data", data))
}

// smartEndpoints are the SMART dialect.
func smartEndpoints() []endpoint {
	const group = "smart"
	written := answersJSON(200, "All points are on disk. The message tells how many.", smartAnswer(schema{"type": "null"}))
	read := answersJSON(200, "The data. Value first, time second.", smartAnswer(component("SmartData")))
	return []endpoint{
		{method: http.MethodPost, path: productDataPath, group: group, title: "Write data of a product",
			about: "Pairs of time and value for each field; all or nothing. A time is an integer of milliseconds since the epoch, ISO 8601 with up to nanoseconds, yyyy-mm-dd HH:MM:SS, or readable such as Thu, September 1st 2016; without a zone it is UTC. The tag product_imei is added.",
			body:  takesJSON(component("SmartBatch")), answers: written,
			example: example{body: `{"measurement":"telemetry","fields":{"current":[["2026-11-20T12:00:00Z",1.5],["2026-11-20T12:01:00Z",1.6]],"voltage":[["2026-11-20T12:00:00Z",12.9]]}}`}},
		{method: http.MethodGet, path: productDataPath, group: group, title: "Read data of a product",
			about: "Rows of a product, oldest first, by field. What a parameter leaves out, the product's type decides, and else the defaults here.",
			query: smartQuery(), answers: read, example: example{query: "start=2026-11-20&fields=current,voltage&ds_interval=5m&ds_function=mean"}},
		{method: http.MethodPost, path: generalDataPath, group: group, title: "Write data in general",
			about: "As for a product, but no tag is added: product_imei, where the data have one, stands in the tags.",
			body:  takesJSON(component("SmartBatch")), answers: written,
			example: example{body: `{"measurement":"analysis","tags":{"product_imei":"000000000000000"},"fields":{"energy_in":[["2026-11-20",41.5]]}}`}},
		{method: http.MethodGet, path: generalDataPath, group: group, title: "Read data in general",
			about: "Rows of all products and of none; tags choose.",
			query: smartQuery(), answers: read, example: example{query: "measurement=analysis&tags=%7B%22product_imei%22%3A%22000000000000000%22%7D"}},
		{method: http.MethodGet, path: "/v1/influx/custom_query", group: group, title: "Run a query of your own",
			about:   "Deprecated: use the two above. One InfluxQL SELECT or SHOW statement on the data bucket, at most 10,000 rows and 10 seconds. The answer is InfluxDB's own.",
			query:   []parameter{{name: "q", about: "The statement.", schema: text(""), need: true}},
			answers: answersJSON(200, "What the database answered.", smartAnswer(schema{"type": "object"})), example: example{query: "q=SHOW+MEASUREMENTS"}},
		{method: http.MethodGet, path: "/v1/products", group: group, title: "List products",
			query: []parameter{
				{name: "page", about: "From 1.", schema: integer("").and("minimum", 1)},
				{name: "per_page", about: "50 is the default.", schema: integer("").and("minimum", 1).and("maximum", 500)},
				{name: "search", about: "A part of the product_imei or of the name.", schema: text("")},
				{name: "product_type", about: "Only products of this type.", schema: text("")},
			},
			answers: answersJSON(200, "A page of products.", smartAnswer(object(with("products", listSchema(component("Product"))),
				with("page", integer("")), with("per_page", integer("")), with("total", integer("")), with("pages", integer(""))))),
			example: example{query: "search=0137&page=1"}},
		{method: http.MethodGet, path: "/v1/products/{imei}", group: group, title: "Read a product",
			answers: answersJSON(200, "The product.", smartAnswer(component("Product")))},
		{method: http.MethodPut, path: "/v1/products/{imei}", group: group, title: "Change a product",
			about:   "What is given is replaced, the rest stays; null removes.",
			body:    takesJSON(object(maybe("name", text("").orNull()), maybe("product_type", text("").orNull()), maybe("attributes", schema{"type": []string{"object", "null"}}))),
			answers: answersJSON(200, "The product as it is now.", smartAnswer(component("Product"))), example: example{body: `{"name":"Pump house","product_type":"bpower50","attributes":{"village":"Kibera"}}`}},
		{method: http.MethodGet, path: "/v1/product_types", group: group, title: "List product types",
			answers: answersJSON(200, "All types.", smartAnswer(object(with("product_types", listSchema(component("ProductType"))))))},
		{method: http.MethodGet, path: "/v1/product_types/{type}", group: group, title: "Read a product type",
			answers: answersJSON(200, "The type.", smartAnswer(component("ProductType")))},
		{method: http.MethodPut, path: "/v1/product_types/{type}", group: group, title: "Make or change a product type",
			about: "The defaults with which data of its products are read.",
			body:  takesJSON(object(maybe("measurement", text("")), maybe("fields", listSchema(text(""))), maybe("start", text("an age such as 30d, or a time")))),
			answers: []answer{
				{200, "It is changed.", jsonKind, smartAnswer(component("ProductType"))},
				{201, "It is new.", jsonKind, smartAnswer(component("ProductType"))},
			},
			example: example{body: `{"measurement":"telemetry","fields":["current","voltage"],"start":"30d"}`}},
		{method: http.MethodDelete, path: "/v1/product_types/{type}", group: group, title: "Remove a product type",
			about:   "One that a product has cannot be removed.",
			answers: answersJSON(200, "It is removed.", smartAnswer(schema{"type": "null"}))},
	}
}

// smartQuery are the parameters of a read.
func smartQuery() []parameter {
	return []parameter{
		{name: "start", about: "Only later points; excluded itself. Seven days ago is the default.", schema: text("")},
		{name: "end", about: "Only earlier points; excluded itself. Now is the default.", schema: text("")},
		{name: "fields", about: "Repeated, a JSON list, names between commas, or *, which is the default.", schema: text("")},
		{name: "measurement", about: "telemetry is the default.", schema: text("")},
		{name: "limit", about: "At most so many rows, oldest first, after where.", schema: integer("").and("minimum", 1)},
		{name: "where", about: "Comparisons of fields and tags with AND, OR, brackets, = != <> < <= > >= =~ !~.", schema: text("")},
		{name: "tags", about: "A JSON object of tags and their values.", schema: text("")},
		{name: "ds_interval", about: "Downsample to this width: a number and one of u, ms, s, m, h, d, w.", schema: text("")},
		{name: "ds_function", about: "With ds_interval; mean is the default.", schema: oneOfTexts("count", "distinct", "first", "integral", "last", "max", "mean", "median", "min", "mode", "spread", "stddev", "sum")},
	}
}

func smartComponents() schema {
	return schema{
		"SmartBatch": object(with("measurement", text("")), maybe("tags", schema{"type": "object", "additionalProperties": schema{"type": []string{"string", "integer"}}}),
			with("fields", schema{"type": "object", "minProperties": 1, "additionalProperties": listSchema(pair(
				schema{"type": []string{"integer", "string"}, "description": "time"}, schema{"type": []string{"number", "boolean", "string"}, "description": "value"}))})),
		"SmartData": open(listSchema(pair(schema{"type": []string{"number", "boolean", "string", "null"}}, timeText(""))),
			with("measurement", text("")), with("tags", schema{"type": "object", "additionalProperties": text("")})),
		"Product": object(with("product_imei", text("")), with("name", text("").orNull()), with("product_type", text("").orNull()), with("attributes", schema{"type": "object"}),
			with("created_at", timeText("")), with("last_seen", timeText("").orNull()), with("suspended", boolean(""))),
		"ProductType": object(with("name", text("")), with("measurement", text("")), with("fields", listSchema(text(""))), with("start", text(""))),
	}
}
