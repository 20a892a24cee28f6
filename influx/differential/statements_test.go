package differential

import (
	"net/url"
	"strings"
	"testing"
)

// TestAnswers asks both databases what the app does not ask: the InfluxQL and Flux that people write who look at their
// data with other programs.
func TestAnswers(t *testing.T) {
	p := newPair(t)
	p.load(t)
	names := map[string]bool{}
	run := func(kind string, statements string, compare func(t *testing.T, statement string) string) {
		for statement := range strings.SplitSeq(strings.TrimSpace(statements), "\n") {
			statement = strings.TrimSpace(statement)
			if statement == "" || strings.HasPrefix(statement, "--") {
				continue
			}
			if names[statement] {
				t.Errorf("twice: %s", statement)
			}
			names[statement] = true
			t.Run(kind, func(t *testing.T) {
				d := compare(t, statement)
				if d != "" {
					d = statement + "\n  " + d
				}
				judge(t, knownAnswers, statement, d)
			})
		}
	}
	run("influxql", influxqlStatements, func(t *testing.T, statement string) string {
		form := url.Values{"q": {statement}, "db": {"iot_center"}, "epoch": {"ns"}}
		return compareInfluxQL(p.ours.influxql(t, form), p.theirs.influxql(t, form))
	})
	run("form", influxqlForms, func(t *testing.T, statement string) string {
		form, err := url.ParseQuery(statement)
		if err != nil {
			t.Fatal(err)
		}
		return compareInfluxQL(p.ours.influxql(t, form), p.theirs.influxql(t, form))
	})
	run("flux", fluxScripts, func(t *testing.T, statement string) string {
		script := strings.NewReplacer("DATA", dataFlux, "EDGES", edgesFlux, "; ", "\n").Replace(statement)
		return compareFlux(p.ours.flux(t, script), p.theirs.flux(t, script), strings.Contains(script, "sort("))
	})
	for name := range knownAnswers {
		if !names[name] {
			t.Errorf("a known difference is asked by nobody: %s", name)
		}
	}
}

// A statement a line. day is not a macro of InfluxQL: every range is written out, because nothing may depend on now().
const influxqlStatements = `
SELECT * FROM edges
SELECT * FROM extremes
SELECT * FROM texts
SELECT * FROM "odd name,with=all"
SELECT * FROM alone
SELECT * FROM ties
SELECT * FROM /.*/ WHERE time < '2026-01-01T02:00:00Z'
SELECT *::field FROM environment WHERE time >= '2026-03-29T00:00:00Z' AND time < '2026-03-29T00:05:00Z'
SELECT *::tag, Temperature FROM environment WHERE time >= '2026-03-29T00:00:00Z' AND time < '2026-03-29T00:05:00Z'
SELECT Temperature FROM environment WHERE clientId = 'dev1' LIMIT 5
SELECT Temperature FROM environment WHERE clientId = 'dev1' LIMIT 5 OFFSET 1000
SELECT Temperature FROM environment WHERE clientId = 'dev1' ORDER BY time DESC LIMIT 5 OFFSET 3
SELECT Temperature FROM environment GROUP BY clientId LIMIT 2
SELECT Temperature FROM environment GROUP BY clientId LIMIT 2 SLIMIT 1
SELECT Temperature FROM environment GROUP BY clientId LIMIT 2 SLIMIT 1 SOFFSET 1
SELECT Temperature FROM environment GROUP BY * LIMIT 1
SELECT Temperature FROM environment GROUP BY /client.*/ ORDER BY time DESC LIMIT 2
SELECT Temperature FROM environment WHERE clientId =~ /^dev1$/ LIMIT 3
SELECT Temperature FROM environment WHERE clientId =~ /dev1/ GROUP BY clientId LIMIT 3
SELECT Temperature FROM environment WHERE clientId !~ /dev10/ ORDER BY time DESC LIMIT 3
SELECT Temperature FROM environment WHERE clientId != 'dev1' LIMIT 3
SELECT Temperature FROM environment WHERE GPSSensor = '' LIMIT 3
SELECT Lat FROM environment WHERE GPSSensor != '' LIMIT 3
SELECT Temperature FROM environment WHERE Temperature > 21.9 AND clientId = 'dev1' LIMIT 10
SELECT Temperature, CO2 FROM environment WHERE CO2 >= 450 AND Temperature < 0 LIMIT 10
SELECT note FROM environment WHERE note = 'n 3' LIMIT 4
SELECT note FROM environment WHERE note =~ /n [12]$/ LIMIT 4
SELECT "on" FROM environment WHERE "on" = true LIMIT 4
SELECT rain FROM environment WHERE rain > 10 LIMIT 4
SELECT s FROM texts WHERE s = 'with "quotes"'
SELECT v FROM texts WHERE "name" = 'a b'
SELECT v FROM texts WHERE "name" = 'it\'s'
SELECT v, "weird field" FROM texts WHERE "name" =~ /^a.b$/
SELECT v FROM texts WHERE "name" = 'ü€😀'
SELECT v FROM edges WHERE time >= '2026-05-01T00:00:00Z' AND time <= '2026-05-01T00:01:00Z'
SELECT v FROM edges WHERE time > '2026-05-01T00:00:00Z' AND time < '2026-05-01T00:01:00Z'
SELECT v FROM edges WHERE time = '2026-05-01T00:00:00.000000001Z'
SELECT v FROM edges WHERE time >= 1777593600000ms AND time < 1777593600s + 1m
SELECT count(*) FROM environment
SELECT count(*::field), mean(*) FROM environment WHERE clientId = 'dev1'
SELECT count(Temperature), sum(CO2), mean(rain), min("on") FROM environment
SELECT count(Temperature), sum(CO2), mean(rain), spread(Temperature), stddev(Temperature), median(CO2), mode(CO2) FROM environment
SELECT sum(rain), max(rain), min(rain), last(rain), first(rain) FROM environment GROUP BY clientId
SELECT sum(i), mean(i), max(i), min(i), spread(i) FROM extremes WHERE i < 100
SELECT max(i), min(i), last(i) FROM extremes
SELECT max(u), min(u), last(u), count(u) FROM extremes
SELECT max(f), min(f), last(f) FROM extremes
SELECT first(Temperature) FROM environment
SELECT last(Temperature), clientId FROM environment
SELECT last(*::field) FROM environment WHERE clientId = 'dev1'
SELECT first(note), last(note) FROM environment GROUP BY clientId
SELECT max(Temperature), clientId, TemperatureSensor FROM environment
SELECT min(Temperature), CO2 FROM environment WHERE clientId = 'dev10'
SELECT max(v) FROM ties
SELECT max(v), host FROM ties GROUP BY rack
SELECT min(v), * FROM ties
SELECT first(v), host FROM ties
SELECT last(v), host FROM ties
SELECT top(Temperature, 3) FROM environment
SELECT bottom(Temperature, 3), clientId FROM environment
SELECT top(Temperature, clientId, 2) FROM environment
SELECT top(v, 4) FROM ties
SELECT top(v, host, 2), rack FROM ties
SELECT bottom(v, 5) FROM ties GROUP BY rack
SELECT bottom(i, 2) FROM extremes
SELECT percentile(Temperature, 50) FROM environment
SELECT percentile(CO2, 99), clientId FROM environment GROUP BY clientId
SELECT percentile(v, 0), percentile(v, 100) FROM ties
SELECT distinct(CO2) FROM environment WHERE time < '2026-01-03T00:00:00Z'
SELECT distinct(note) FROM environment
SELECT count(distinct(CO2)) FROM environment
SELECT distinct("on") FROM environment GROUP BY clientId
SELECT mean(Temperature) FROM environment WHERE time >= '2026-03-29T00:00:00Z' AND time < '2026-03-30T00:00:00Z' GROUP BY time(3h)
SELECT mean(Temperature) FROM environment WHERE time >= '2026-03-29T00:00:00Z' AND time < '2026-03-30T00:00:00Z' GROUP BY time(3h), clientId
SELECT mean(Temperature) FROM environment WHERE time >= '2026-03-29T00:00:00Z' AND time < '2026-03-30T00:00:00Z' GROUP BY time(3h) ORDER BY time DESC
SELECT mean(Temperature), count(note), max(rain) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-01T00:00:00Z' AND time < '2026-01-10T00:00:00Z' GROUP BY time(6h) fill(none)
SELECT mean(Temperature), count(note) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-01T00:00:00Z' AND time < '2026-01-10T00:00:00Z' GROUP BY time(6h) fill(null)
SELECT mean(Temperature), count(note) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-01T00:00:00Z' AND time < '2026-01-10T00:00:00Z' GROUP BY time(6h) fill(0)
SELECT mean(Temperature) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-01T00:00:00Z' AND time < '2026-01-10T00:00:00Z' GROUP BY time(6h) fill(previous)
SELECT mean(Temperature) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-01T00:00:00Z' AND time < '2026-01-10T00:00:00Z' GROUP BY time(6h) fill(linear)
SELECT last(note) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-04T00:00:00Z' AND time < '2026-01-07T00:00:00Z' GROUP BY time(6h) fill(previous)
SELECT count(CO2) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-04T00:00:00Z' AND time < '2026-01-07T00:00:00Z' GROUP BY time(6h) fill(linear)
SELECT max(CO2) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-04T00:00:00Z' AND time < '2026-01-07T00:00:00Z' GROUP BY time(6h) fill(linear)
SELECT max(rain) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-04T00:00:00Z' AND time < '2026-01-07T00:00:00Z' GROUP BY time(6h) fill(-1)
SELECT count(v) FROM edges WHERE time >= '2026-04-30T00:00:00Z' AND time < '2026-05-09T00:00:00Z' GROUP BY time(1d)
SELECT count(v) FROM edges WHERE time >= '2026-04-30T00:00:00Z' AND time < '2026-05-09T00:00:00Z' GROUP BY time(1d, 6h)
SELECT count(v) FROM edges WHERE time >= '2026-04-30T00:00:00Z' AND time < '2026-05-09T00:00:00Z' GROUP BY time(1w)
SELECT count(v) FROM edges WHERE time >= '2026-04-30T23:59:00Z' AND time < '2026-05-01T00:02:00Z' GROUP BY time(1m, 30s)
SELECT sum(v) FROM edges WHERE time >= '2026-04-30T23:59:00Z' AND time <= '2026-05-01T01:00:00Z' GROUP BY time(7m) LIMIT 3 OFFSET 1
SELECT count(Temperature) FROM environment WHERE clientId = 'dev1' AND time >= '2026-03-28T00:00:00Z' AND time < '2026-03-31T00:00:00Z' GROUP BY time(1d) tz('Europe/Berlin')
SELECT count(Temperature) FROM environment WHERE clientId = 'dev1' AND time >= '2026-03-28T23:00:00Z' AND time < '2026-03-29T22:00:00Z' GROUP BY time(1h) tz('Europe/Berlin')
SELECT count(Temperature) FROM environment WHERE clientId = 'dev1' AND time >= '2026-10-24T22:00:00Z' AND time < '2026-10-25T23:00:00Z' GROUP BY time(1h) tz('Europe/Berlin')
SELECT count(Temperature) FROM environment WHERE clientId = 'dev1' AND time >= '2026-10-24 00:00:00' AND time < '2026-10-27 00:00:00' GROUP BY time(1d) tz('Europe/Berlin')
SELECT count(Temperature) FROM environment WHERE clientId = 'dev1' AND time >= '2026-10-23T00:00:00Z' AND time < '2026-10-28T00:00:00Z' GROUP BY time(12h) fill(none) tz('America/New_York')
SELECT mean(Temperature) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-01T00:00:00Z' AND time < '2027-01-01T00:00:00Z' GROUP BY time(30d) tz('Europe/Berlin')
SELECT mean(Temperature) FROM environment WHERE clientId = 'dev10' AND time >= '2026-01-01T00:00:00Z' AND time < '2027-01-01T00:00:00Z' GROUP BY time(30d)
SELECT Temperature * 1.8 + 32 AS fahrenheit FROM environment WHERE clientId = 'dev1' LIMIT 4
SELECT CO2 / 2, CO2 % 7, CO2 & 15, CO2 | 1, CO2 ^ 3 FROM environment WHERE clientId = 'dev1' LIMIT 4
SELECT CO2 / 0 FROM environment WHERE clientId = 'dev1' LIMIT 2
SELECT Temperature + CO2, rain + 1, rain - 1 FROM environment WHERE clientId = 'dev1' LIMIT 4
SELECT mean(Temperature) - min(Temperature) FROM environment GROUP BY clientId
SELECT abs(Temperature), ceil(Temperature), floor(Temperature), round(Temperature) FROM environment WHERE clientId = 'dev1' LIMIT 4
SELECT sqrt(CO2), pow(Temperature, 2), ln(CO2), log2(CO2), log10(CO2), log(CO2, 3), exp(rain) FROM environment WHERE clientId = 'dev1' LIMIT 4
SELECT sin(Temperature), cos(Temperature), tan(Temperature), atan2(Temperature, CO2) FROM environment WHERE clientId = 'dev1' LIMIT 4
SELECT Temperature::integer, CO2::float, CO2::string FROM environment WHERE clientId = 'dev1' LIMIT 2
SELECT Temperature::field, clientId::tag FROM environment LIMIT 2
SELECT derivative(Temperature, 1h) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT non_negative_derivative(mean(CO2), 1h) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-01T00:00:00Z' AND time < '2026-01-02T00:00:00Z' GROUP BY time(2h)
SELECT difference(CO2), non_negative_difference(CO2) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT moving_average(Temperature, 3) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT cumulative_sum(rain) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT cumulative_sum(mean(CO2)) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-01T00:00:00Z' AND time < '2026-01-02T00:00:00Z' GROUP BY time(4h)
SELECT elapsed(Temperature, 1m) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT integral(Temperature, 1h) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT integral(Temperature) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-01T00:00:00Z' AND time < '2026-01-02T00:00:00Z' GROUP BY time(6h)
SELECT histogram(Temperature) FROM environment
SELECT sample(Temperature, 100000) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT exponential_moving_average(Temperature, 3) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT double_exponential_moving_average(Temperature, 3) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT relative_strength_index(Temperature, 3) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT kaufmans_efficiency_ratio(Temperature, 3) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT chande_momentum_oscillator(Temperature, 3) FROM environment WHERE clientId = 'dev1' AND time < '2026-01-02T00:00:00Z'
SELECT holt_winters(mean(Temperature), 3, 4) FROM environment WHERE clientId = 'dev1' AND time >= '2026-01-01T00:00:00Z' AND time < '2026-01-04T00:00:00Z' GROUP BY time(6h)
SELECT max(m) FROM (SELECT mean(Temperature) AS m FROM environment WHERE time >= '2026-01-01T00:00:00Z' AND time < '2026-02-01T00:00:00Z' GROUP BY time(1d), clientId)
SELECT sum(n) FROM (SELECT count(Temperature) AS n FROM environment WHERE time >= '2026-01-01T00:00:00Z' AND time < '2026-02-01T00:00:00Z' GROUP BY time(1d)) WHERE time >= '2026-01-01T00:00:00Z' AND time < '2026-02-01T00:00:00Z' GROUP BY time(1w)
SELECT mean(d) FROM (SELECT derivative(Temperature, 1h) AS d FROM environment WHERE time < '2026-02-01T00:00:00Z' GROUP BY clientId) GROUP BY clientId
SELECT a, b FROM (SELECT Temperature AS a, CO2 AS b FROM environment WHERE clientId = 'dev1' LIMIT 10) WHERE b > 400
SELECT count(t) FROM (SELECT Temperature AS t FROM environment, edges)
SELECT mean(v) FROM edges, ties
SELECT mean(v) FROM edges, ties WHERE time < '2026-12-01T00:00:00Z' GROUP BY time(1d) fill(none)
SELECT count(v) FROM edges WHERE time < '2026-12-01T00:00:00Z' GROUP BY time(1s) fill(none)
SELECT v FROM (SELECT v FROM ties), (SELECT v FROM edges) LIMIT 5
SELECT count(v) FROM ties GROUP BY host, rack
SELECT mean(nothing) FROM environment
SELECT nothing FROM environment
SELECT clientId FROM environment
SELECT Temperature FROM nowhere
SELECT Temperature FROM environment WHERE nothing = 'x'
SELECT Temperature, nothing FROM environment LIMIT 2
SELECT mean(note) FROM environment
SELECT count(note), max(note) FROM environment
SELECT Temperature FROM environment LIMIT 2; SELECT CO2 FROM environment LIMIT 2
SELECT Temperature FROM environment LIMIT 1; SELECT mean( FROM environment
SELECT Temperature FROM environment LIMIT 1; SELECT mean(note) FROM environment; SELECT CO2 FROM environment LIMIT 1
SELECT
SELECT * FROM
SELECT time FROM environment
SELECT Temperature FROM environment GROUP BY time(1h)
SELECT mean(Temperature) FROM environment GROUP BY time(0s)
SELECT Temperature FROM environment WHERE time > 'yesterday'
SELECT mean(Temperature), Temperature FROM environment
SELECT unknown(Temperature) FROM environment
SELECT Temperature INTO other FROM environment LIMIT 1
SHOW MEASUREMENTS
SHOW MEASUREMENTS LIMIT 2 OFFSET 1
SHOW MEASUREMENTS WITH MEASUREMENT =~ /e/
SHOW MEASUREMENTS WITH MEASUREMENT = edges
SHOW MEASUREMENTS WHERE clientId = 'dev1'
SHOW MEASUREMENTS WHERE clientId =~ /e/
SHOW TAG KEYS
SHOW TAG KEYS FROM environment
SHOW TAG KEYS FROM /t.*s/
SHOW TAG KEYS WHERE clientId = 'dev10'
SHOW TAG VALUES WITH KEY = clientId
SHOW TAG VALUES FROM texts WITH KEY = "name"
SHOW TAG VALUES FROM environment WITH KEY IN (clientId, TemperatureSensor)
SHOW TAG VALUES FROM environment WITH KEY =~ /.*Sensor/
SHOW TAG VALUES FROM environment WITH KEY = clientId WHERE TemperatureSensor = 'dht22' LIMIT 1
SHOW TAG VALUES WITH KEY = clientId WHERE clientId =~ /^dev/
SHOW TAG VALUES WITH KEY != clientId
SHOW FIELD KEYS
SHOW FIELD KEYS FROM environment
SHOW FIELD KEYS FROM /e.*/
SHOW SERIES
SHOW SERIES FROM environment
SHOW SERIES FROM environment WHERE clientId = 'dev1' LIMIT 1 OFFSET 1
SHOW SERIES WHERE clientId = 'odd'
SHOW SERIES CARDINALITY
SHOW SERIES EXACT CARDINALITY
SHOW MEASUREMENT CARDINALITY
SHOW MEASUREMENT EXACT CARDINALITY
SHOW TAG KEY CARDINALITY
SHOW TAG VALUES CARDINALITY WITH KEY = clientId
SHOW FIELD KEY CARDINALITY
SHOW DATABASES
SHOW RETENTION POLICIES
SHOW RETENTION POLICIES ON iot_center
SHOW USERS
SHOW STATS
SHOW DIAGNOSTICS
SHOW SHARDS
SHOW QUERIES
SHOW CONTINUOUS QUERIES
SHOW SUBSCRIPTIONS
SHOW GRANTS FOR "x"
EXPLAIN SELECT Temperature FROM environment
CREATE DATABASE other
DROP DATABASE nowhere
DROP MEASUREMENT nowhere
DROP SERIES FROM nowhere
DELETE FROM nowhere
CREATE USER x WITH PASSWORD 'y'
`

// Forms as they come with the request: other parameters than usual.
const influxqlForms = `
q=SELECT+v+FROM+edges&db=iot_center
q=SELECT+v+FROM+edges&db=iot_center&epoch=s
q=SELECT+v+FROM+edges&db=iot_center&epoch=ms
q=SELECT+v+FROM+edges&db=iot_center&epoch=u
q=SELECT+v+FROM+edges&db=iot_center&epoch=m
q=SELECT+v+FROM+edges&db=iot_center&epoch=h
q=SELECT+v+FROM+edges&db=iot_center&epoch=strange
q=SELECT+Temperature+FROM+environment&db=iot_center&epoch=ns&chunked=true
q=SELECT+Temperature+FROM+environment+GROUP+BY+clientId&db=iot_center&epoch=ns&chunked=true&chunk_size=7
q=SELECT+count(Temperature)+FROM+environment&db=iot_center&pretty=true
q=SELECT+v+FROM+edges&db=iot_center&rp=autogen
q=SELECT+v+FROM+edges&db=iot_center&rp=other
q=SELECT+v+FROM+edges&db=nowhere
q=SELECT+v+FROM+edges
q=SELECT+v+FROM+iot_center..edges
q=SELECT+v+FROM+iot_center.autogen.edges&db=iot_center
q=SELECT+v+FROM+iot_center_auth..edges&db=iot_center
q=SELECT+v+FROM+edges+WHERE+clientId=$c&db=iot_center&params=%7B%22c%22%3A%22edge%22%7D
q=SELECT+v+FROM+edges+WHERE+v>$n&db=iot_center&params=%7B%22n%22%3A3%7D
q=SELECT+v+FROM+edges+WHERE+v>$n&db=iot_center&params=%7B%22n%22%3A2.5%7D
q=SELECT+v+FROM+edges+WHERE+v>$n&db=iot_center
q=SELECT+count(Temperature)+FROM+environment+WHERE+time<'2026-04-01T00:00:00Z'+AND+time>='2026-03-28T00:00:00Z'+GROUP+BY+time(1d)+tz('Europe/Berlin')&db=iot_center
`

// Flux, a script a line; "; " ends a line of the script, DATA and EDGES are the two heads.
const (
	dataFlux = `from(bucket: "iot_center")
  |> range(start: 2026-03-28T00:00:00Z, stop: 2026-03-31T00:00:00Z)
  |> filter(fn: (r) => r._measurement == "environment" and r.clientId == "dev1" and r.TemperatureSensor == "bme280")
  `
	edgesFlux = `from(bucket: "iot_center")
  |> range(start: 2026-04-30T00:00:00Z, stop: 2026-05-02T00:00:00Z)
  |> filter(fn: (r) => r._measurement == "edges")
  `
)

const fluxScripts = `
EDGES
EDGES |> filter(fn: (r) => r._field == "v") |> sort(columns: ["_value"], desc: true)
EDGES |> first()
EDGES |> last()
EDGES |> count()
EDGES |> sum()
EDGES |> mean()
EDGES |> filter(fn: (r) => r._field == "v") |> median()
EDGES |> filter(fn: (r) => r._field == "v") |> spread()
EDGES |> filter(fn: (r) => r._field == "v") |> stddev()
EDGES |> min()
EDGES |> max()
EDGES |> limit(n: 2)
EDGES |> limit(n: 2, offset: 1)
EDGES |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
EDGES |> group() |> count()
EDGES |> group(columns: ["_field"]) |> sum()
EDGES |> filter(fn: (r) => r._field == "v") |> difference()
EDGES |> filter(fn: (r) => r._field == "v") |> derivative(unit: 1m)
EDGES |> filter(fn: (r) => r._field == "v") |> cumulativeSum()
EDGES |> filter(fn: (r) => r._field == "v") |> movingAverage(n: 2)
EDGES |> filter(fn: (r) => r._field == "v") |> map(fn: (r) => ({r with _value: r._value * 2.0 + 1.0}))
EDGES |> filter(fn: (r) => r._field == "v" and r._value > 2.0)
EDGES |> filter(fn: (r) => r._field =~ /^[iv]$/)
EDGES |> rename(columns: {_value: "x"}) |> drop(columns: ["_start", "_stop"])
EDGES |> duplicate(column: "_value", as: "copy")
EDGES |> set(key: "k", value: "v")
EDGES |> keys()
EDGES |> distinct(column: "_field")
EDGES |> elapsed(unit: 1s)
EDGES |> histogram(bins: [1.0, 3.0, 10.0])
EDGES |> window(every: 1h) |> count()
EDGES |> filter(fn: (r) => r._field == "v") |> aggregateWindow(every: 1h, fn: mean)
EDGES |> filter(fn: (r) => r._field == "v") |> aggregateWindow(every: 1h, fn: count)
EDGES |> filter(fn: (r) => r._field == "v") |> aggregateWindow(every: 1h, fn: sum, createEmpty: false)
EDGES |> filter(fn: (r) => r._field == "v") |> aggregateWindow(every: 1m, fn: last, createEmpty: false)
EDGES |> filter(fn: (r) => r._field == "v") |> aggregateWindow(every: 6h, fn: mean) |> fill(value: 0.0)
EDGES |> filter(fn: (r) => r._field == "v") |> aggregateWindow(every: 6h, fn: mean) |> fill(usePrevious: true)
EDGES |> filter(fn: (r) => r._field == "i") |> toFloat()
EDGES |> toString()
EDGES |> filter(fn: (r) => r._field == "v") |> quantile(q: 0.5, method: "exact_mean")
EDGES |> filter(fn: (r) => r._field == "v") |> top(n: 2)
EDGES |> filter(fn: (r) => r._field == "v") |> reduce(fn: (r, accumulator) => ({n: accumulator.n + r._value}), identity: {n: 0.0})
EDGES |> yield(name: "a"); EDGES |> count() |> yield(name: "b")
DATA |> filter(fn: (r) => r._field == "Temperature") |> aggregateWindow(every: 1h, fn: mean, createEmpty: false)
DATA |> filter(fn: (r) => r._field == "Temperature") |> aggregateWindow(every: 7m, fn: mean, createEmpty: false)
DATA |> filter(fn: (r) => r._field == "Temperature") |> aggregateWindow(every: 1d, fn: max)
DATA |> filter(fn: (r) => r._field == "CO2") |> aggregateWindow(every: 1h, fn: min, createEmpty: false)
DATA |> filter(fn: (r) => r._field == "CO2") |> aggregateWindow(every: 1h, fn: sum, createEmpty: false)
DATA |> filter(fn: (r) => r._field == "CO2") |> aggregateWindow(every: 1h, fn: median, createEmpty: false)
DATA |> filter(fn: (r) => r._field == "rain") |> aggregateWindow(every: 1h, fn: max, createEmpty: false)
DATA |> filter(fn: (r) => r._field == "note") |> aggregateWindow(every: 6h, fn: last, createEmpty: false)
DATA |> filter(fn: (r) => r._field == "on") |> aggregateWindow(every: 6h, fn: count, createEmpty: false)
DATA |> last()
from(bucket: "iot_center") |> range(start: 2026-05-01T00:00:00Z, stop: 2026-05-02T00:00:00Z) |> filter(fn: (r) => r._measurement == "extremes")
from(bucket: "iot_center") |> range(start: 2026-05-01T00:00:00Z, stop: 2026-05-02T00:00:00Z) |> filter(fn: (r) => r._measurement == "texts")
from(bucket: "iot_center") |> range(start: 2026-05-01T00:00:00Z, stop: 2026-05-02T00:00:00Z) |> filter(fn: (r) => r._measurement == "odd name,with=all")
from(bucket: "iot_center") |> range(start: 2026-05-01T00:00:00Z, stop: 2026-05-02T00:00:00Z) |> filter(fn: (r) => r._measurement == "alone" and not exists r.clientId)
from(bucket: "iot_center") |> range(start: 0, stop: 2026-05-02T00:00:00Z) |> filter(fn: (r) => r._measurement == "ties") |> group(columns: ["host"]) |> count()
from(bucket: "iot_center") |> range(start: 1960-01-01T00:00:00Z, stop: 1980-01-01T00:00:00Z)
from(bucket: "iot_center") |> range(start: 1950-01-01T00:00:00Z, stop: 1980-01-01T00:00:00Z)
from(bucket: "iot_center") |> range(start: 0, stop: 1980-01-01T00:00:00Z)
import "influxdata/influxdb/v1"; v1.tagValues(bucket: "iot_center", tag: "clientId", start: 2026-01-01T00:00:00Z)
import "influxdata/influxdb/v1"; v1.measurements(bucket: "iot_center")
import "influxdata/influxdb/v1"; v1.tagKeys(bucket: "iot_center", start: 2026-01-01T00:00:00Z)
import "influxdata/influxdb/schema"; schema.measurements(bucket: "iot_center")
import "array"; array.from(rows: [{a: 1}])
buckets() |> filter(fn: (r) => r.name == "iot_center") |> keep(columns: ["name"])
EDGES |> filter(fn: (r) => r._field == "v") |> quantile(q: 0.5)
EDGES |> filter(fn: (r) => r._field == "v") |> aggregateWindow(every: 1h, offset: 10m, fn: mean, createEmpty: false)
EDGES |> filter(fn: (r) => r._field == "v") |> timedMovingAverage(every: 1h, period: 2h)
EDGES |> filter(fn: (r) => r._field == "v") |> aggregateWindow(every: 1mo, fn: mean, createEmpty: false)
EDGES |> filter(fn: (r) => r._field == "v") |> window(every: 1h, period: 2h) |> count()
`
