package differential

// knownAnswers are the statements, by name, that the databases answer differently, and in a few words how.
var knownAnswers = map[string]string{
	"SHOW SERIES CARDINALITY":      "InfluxDB 2.x has only the exact one",
	"SHOW MEASUREMENT CARDINALITY": "InfluxDB 2.x has only the exact one",
	"SHOW DATABASES":               "InfluxDB 2.x has system buckets",
	"SELECT count(v) FROM edges WHERE time < '2026-12-01T00:00:00Z' GROUP BY time(1s) fill(none)": "at most a million windows, the newest",
	"EXPLAIN SELECT Temperature FROM environment":                                                 "refused",
	"CREATE DATABASE other":                                "makes a bucket, for clients of InfluxDB 1.x",
	"DROP DATABASE nowhere":                                "deletes a bucket, for clients of InfluxDB 1.x",
	"DROP MEASUREMENT nowhere":                             "refused: InfluxQL only reads",
	"DELETE FROM nowhere":                                  "refused: InfluxQL only reads",
	"q=SELECT+v+FROM+iot_center..edges":                    "refused: the fence around buckets",
	"q=SELECT+v+FROM+iot_center_auth..edges&db=iot_center": "refused: the fence around buckets",

	"EDGES |> group() |> count()": "Flux 0.65 groups no fields of several types",
	`from(bucket: "iot_center") |> range(start: 0, stop: 2026-05-02T00:00:00Z) |> filter(fn: (r) => r._measurement == "ties") |> group(columns: ["host"]) |> count()`: "Flux 0.65 groups no fields of several types",

	`DATA |> filter(fn: (r) => r._field == "CO2") |> aggregateWindow(every: 1h, fn: median, createEmpty: false)`: "Flux 0.65: floats only",

	`from(bucket: "iot_center") |> range(start: 1960-01-01T00:00:00Z, stop: 1980-01-01T00:00:00Z)`: "the store takes a start before 1970 for none",
	`from(bucket: "iot_center") |> range(start: 0, stop: 1980-01-01T00:00:00Z)`:                    "the store takes a start before 1970 for none",

	`import "influxdata/influxdb/v1"; v1.tagValues(bucket: "iot_center", tag: "clientId", start: 2026-01-01T00:00:00Z)`: "Flux 0.65: a duration only",
	`import "influxdata/influxdb/v1"; v1.tagKeys(bucket: "iot_center", start: 2026-01-01T00:00:00Z)`:                    "Flux 0.65: a duration only",

	`import "influxdata/influxdb/schema"; schema.measurements(bucket: "iot_center")`:                                       "not in Flux 0.65",
	`import "array"; array.from(rows: [{a: 1}])`:                                                                           "not in Flux 0.65",
	`buckets() |> filter(fn: (r) => r.name == "iot_center") |> keep(columns: ["name"])`:                                    "not available here",
	`EDGES |> filter(fn: (r) => r._field == "v") |> quantile(q: 0.5)`:                                                      "Flux 0.65 wants the method",
	`EDGES |> filter(fn: (r) => r._field == "v") |> aggregateWindow(every: 1h, offset: 10m, fn: mean, createEmpty: false)`: "not in Flux 0.65",
}

// knownRefusals are the bad requests, by name, that the databases refuse differently, and in a few words how.
var knownRefusals = map[string]string{
	"write: a tag called time":    "422 for the point, the others are kept; InfluxDB 2.x refuses the body with 400",
	"write: no bucket":            "400, which says what is missing; 404 there",
	"write: inactive token":       "401 wherever a token is not good; 403 there",
	"query: inactive token":       "401 wherever a token is not good; a bucket not found there",
	"write: bad gzip":             "400, the client's mistake; 500 there",
	"write: cut gzip":             "400, the client's mistake; 500 there",
	"write: unknown encoding":     "415; InfluxDB 2.x takes the packed bytes for line protocol",
	"write: empty body":           "400: a writer that writes nothing has a mistake; 204 there",
	"write: only a comment":       "400: a writer that writes nothing has a mistake; 204 there",
	"query: write token":          "403: Flux takes a token for all buckets; a bucket not found there",
	"query: unknown organisation": "404, as on every other path; 400 there",
	"influxql: unknown database":  "403; an empty answer there, which looks like a bucket without data",
	"influxql: write token":       "403; an empty answer there, which looks like a bucket without data",
	"delete: a predicate on time": "400; taken there, and nothing is deleted",
	"delete: backwards":           "400; taken there, and nothing is deleted",
	"bucket: no name":             "400; makes a bucket without a name there",
	"bucket: short retention":     "422, the client's mistake; 500 there",
	"bucket: PUT":                 "405 with the body that every error has; none there",
}
