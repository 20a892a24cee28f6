package influx

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/flux/ast"
	"github.com/influxdata/flux/parser"
	"github.com/influxdata/influxql"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry"
)

// The exact texts: what InfluxDB 2.7 and the embedded one both answer from the storage engine.
func TestQueryTexts(t *testing.T) {
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	sel := selection{"iot_center", "environment", "dev1", start, start.Add(time.Hour), []string{"CO2", `o"dd`}}
	for _, c := range []struct{ name, got, want string }{
		{"raw", rawFlux(sel), `from(bucket: "iot_center")
  |> range(start: 2026-05-01T00:00:00Z, stop: 2026-05-01T01:00:00Z)
  |> filter(fn: (r) => r._measurement == "environment" and r.clientId == "dev1" and (r._field == "CO2" or r._field == "o\"dd"))
  |> keep(columns: ["_time", "_value", "_field"])
`},
		{"windows", windowsFlux(selection{"b", "m", "d", start, start.Add(time.Hour), nil}, time.Minute, windowStart, "mean", "max"), `data = () => from(bucket: "b")
  |> range(start: 2026-05-01T00:00:00Z, stop: 2026-05-01T01:00:00Z)
  |> filter(fn: (r) => r._measurement == "m" and r.clientId == "d")

data()
  |> aggregateWindow(every: 1m, fn: mean, timeSrc: "_start", createEmpty: false)
  |> keep(columns: ["_time", "_value", "_field"])
  |> yield(name: "mean")

data()
  |> aggregateWindow(every: 1m, fn: max, timeSrc: "_start", createEmpty: false)
  |> keep(columns: ["_time", "_value", "_field"])
  |> yield(name: "max")
`},
		{"raw ports", rawFlux(selection{"b", "helium", "d", start, start.Add(time.Hour), []string{"t", `o"dd`, "50%"}}), `from(bucket: "b")
  |> range(start: 2026-05-01T00:00:00Z, stop: 2026-05-01T01:00:00Z)
  |> filter(fn: (r) => r._measurement == "helium" and r.clientId == "d" and r._field == "number" and (r.port == "t" or r.port == "o\"dd" or r.port == "50%25" or r.port == "50%"))
  |> keep(columns: ["_time", "_value", "port"])
`},
		{"last", lastFlux(selection{"b", "m", "d", start, start.Add(time.Hour), nil}), `from(bucket: "b")
  |> range(start: 2026-05-01T00:00:00Z, stop: 2026-05-01T01:00:00Z)
  |> filter(fn: (r) => r._measurement == "m" and r.clientId == "d")
  |> last()
`},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if pkg := parser.ParseSource(c.got); ast.Check(pkg) > 0 {
			t.Errorf("%s does not parse: %v", c.name, ast.GetErrors(pkg))
		}
	}
	const when = `time >= 1777593600000000000 AND time < 1777597200000000000`
	const entryColumns = `"kind", "id", "body", "deleted", "stamp", "until"`
	const eventColumns = `"actorKind", "actor", "address", "action", "target", "result", "detail", "requestId"`
	const device = `"clientId" = 'dev1'`
	const owner = `"clientId"::tag = 'dev1'`
	ports := selection{"b", "helium", "dev1", start, start.Add(time.Hour), []string{"t", `o'dd`}}
	for _, c := range []struct{ name, got, want string }{
		{"a row far down", rowQuery(sel, 1200), `SELECT *::field FROM "environment" WHERE ` + device + ` AND ` + when + ` LIMIT 1 OFFSET 1200`},
		{"fields", fieldsQuery(sel), `SELECT last(*::field) FROM "environment" WHERE ` + device + ` AND ` + when},
		{"a second series", secondSeriesQuery(sel), `SHOW SERIES FROM "environment" WHERE ` + device + ` LIMIT 1 OFFSET 1`},
		{"statistics", statsQuery(sel, []telemetry.Field{{Name: "CO2", Sensor: "CO2Sensor"}, {Name: `o"dd`}}),
			`SELECT min("CO2") AS min0, max("CO2") AS max0, count("CO2") AS count0, min("o\"dd") AS min1, max("o\"dd") AS max1, count("o\"dd") AS count1 FROM "environment" WHERE ` + device + ` AND ` + when +
				`; SELECT last("CO2") AS newest, "CO2Sensor"::tag AS sensor FROM "environment" WHERE ` + device + ` AND ` + when +
				`; SELECT last("o\"dd") AS newest FROM "environment" WHERE ` + device + ` AND ` + when},
		{"a row far down of ports", rowQuery(ports, 1200), `SELECT *::field FROM "helium" WHERE ` + device + ` AND ` + when + ` AND ("port"::tag = 't' OR "port"::tag = 'o\'dd') LIMIT 1 OFFSET 1200`},
		{"ports", fieldsQuery(selection{"b", "helium", "dev1", start, start.Add(time.Hour), nil}), `SELECT last("number") FROM "helium" WHERE ` + device + ` AND ` + when + ` GROUP BY "port"`},
		{"statistics of ports", portStatsQuery(selection{"b", "helium", "dev1", start, start.Add(time.Hour), nil}),
			`SELECT min("number"), max("number"), count("number") FROM "helium" WHERE ` + device + ` AND ` + when + ` GROUP BY "port"; SELECT last("number") AS newest FROM "helium" WHERE ` + device + ` AND ` + when + ` GROUP BY "port"`},
		{"points", pointsQuery("dev1", nil, span{-1, 7}, 9), `SELECT "number", "boolean", "string", "json", "created", "port"::tag FROM "helium" WHERE ` + owner + ` AND time >= -1 AND time <= 7 ORDER BY time DESC LIMIT 9`},
		{"points of ports", pointsQuery("dev1", []string{"t", `o'dd`}, span{1, 7}, 9), `SELECT "number", "boolean", "string", "json", "created", "port"::tag FROM "helium" WHERE ` + owner +
			` AND ("port"::tag = 't' OR "port"::tag = 'o\'dd') AND time >= 1 AND time <= 7 ORDER BY time DESC LIMIT 9`},
		{"places", placesQuery("dev1", nil, span{1, 7}, 3, 8), `SELECT "number", "boolean", "string", "json", "port"::tag FROM "helium" WHERE ` + owner + ` AND time >= 1 AND time <= 7 LIMIT 3 OFFSET 8`},
		{"the newest place", newestPlaceQuery("dev1", nil, span{1, 7}, 2), `SELECT "number", "boolean", "string", "json", "port"::tag FROM "helium" WHERE ` + owner + ` AND time >= 1 AND time <= 7 ORDER BY time DESC LIMIT 2`},
		{"newest numbers", newestNumbersQuery("dev1", nil, span{1, 7}, 24*time.Hour), `SELECT last("number"), "at", "created" FROM "helium" WHERE ` + owner + ` AND time >= 1 AND time <= 7 GROUP BY time(24h), "port" fill(none)`},
		{"the newest number", newestNumberQuery("dev1", []string{"t"}, span{1, 7}), `SELECT last("number"), "created" FROM "helium" WHERE ` + owner + ` AND ("port"::tag = 't') AND time >= 1 AND time <= 7`},
		{"buckets", numberBucketsQuery("dev1", nil, span{-7, -1}, time.Minute), `SELECT mean("number"), min("number"), max("number"), count("number") FROM "helium" WHERE ` + owner + ` AND time >= -7 AND time <= -1 GROUP BY time(1m), "port" fill(none)`},
		{"the next number", nextNumberQuery("dev1", nil, span{-7, -1}, true), `SELECT "number" FROM "helium" WHERE ` + owner + ` AND time >= -7 AND time <= -1 LIMIT 1`},
		{"the number before", nextNumberQuery("dev1", nil, span{-7, -1}, false), `SELECT "number" FROM "helium" WHERE ` + owner + ` AND time >= -7 AND time <= -1 ORDER BY time DESC LIMIT 1`},
		{"an owner's ports", portsQuery("dev1"), `SHOW TAG VALUES FROM "helium" WITH KEY = "port" WHERE ` + device},
		{"all ports", allPortsQuery(), `SHOW SERIES FROM "helium"`},
		{"last entry", lastEntryQuery("environment", "dev1", start), `SELECT *::field FROM "environment" WHERE ` + device + ` AND time >= 1777593600000000000 ORDER BY time DESC LIMIT 1`},
		{"last entries", newestQuery(anyOf([]devices.ID{"dev1", "dev2"}), 0), `SELECT *::field FROM /.+/ WHERE (` + device + ` OR "clientId" = 'dev2') GROUP BY "clientId" ORDER BY time DESC LIMIT 1`},
		{"seen since", newestQuery("time >= "+influxqlTime(start), 7), `SELECT *::field FROM /.+/ WHERE time >= 1777593600000000000 GROUP BY "clientId" ORDER BY time DESC LIMIT 1 SLIMIT 7`},
		{"ever seen", everSeenQuery(7), `SHOW TAG VALUES FROM /.+/ WITH KEY = "clientId" LIMIT 7`},
		{"hours", hourlyQuery(start, start.Add(time.Hour), []devices.ID{"dev1"}), `SELECT count(*::field) FROM /.+/ WHERE ` + when + ` AND (` + device + `) GROUP BY time(1h), "clientId" fill(none)`},
		{"minutes", minutesQuery(start, start.Add(time.Hour), []string{"a", "b"}),
			`SELECT count("a") FROM (SELECT "a" FROM /.+/ WHERE ` + when + `) WHERE ` + when + ` GROUP BY time(1m) fill(none); SELECT count("b") FROM (SELECT "b" FROM /.+/ WHERE ` + when + `) WHERE ` + when + ` GROUP BY time(1m) fill(none)`},
		{"record", recordQuery("dev1"), `SELECT "createdAt", "deviceId", "key", "token", "tokenHash", "life" FROM "deviceauth" WHERE "deviceId" = 'dev1' ORDER BY time DESC LIMIT 1`},
		{"all records", recordsAllQuery(), `SELECT "createdAt", "deviceId", "key", "tokenHash", "life" FROM "deviceauth"`},
		{"changes", recordsSinceQuery(start), `SELECT "createdAt", "deviceId", "key", "tokenHash", "stamp", "life" FROM "deviceauth_log" WHERE time >= 1777593600000000000`},
		{"runs", runsQuery("dev1", 3), `SELECT "took", "written", "result", "message", "by" FROM "emulator_run" WHERE "deviceId" = 'dev1' ORDER BY time DESC LIMIT 3`},
		{"entries from the beginning", entriesSinceQuery(time.Time{}, start), `SELECT ` + entryColumns + ` FROM "ledger"; SELECT ` + entryColumns + ` FROM "ledger_brief" WHERE time >= 1777593600000000000`},
		{"entries lately", entriesSinceQuery(start.Add(1), start), `SELECT ` + entryColumns + ` FROM "ledger" WHERE time >= 1777593600000000001; SELECT ` + entryColumns + ` FROM "ledger_brief" WHERE time >= 1777593600000000001`},
		{"entries since long ago", entriesSinceQuery(start.Add(-1), start), `SELECT ` + entryColumns + ` FROM "ledger" WHERE time >= 1777593599999999999; SELECT ` + entryColumns + ` FROM "ledger_brief" WHERE time >= 1777593600000000000`},
		{"all events", eventsQuery(people.EventFilter{}, 7), `SELECT ` + eventColumns + ` FROM "audit" ORDER BY time DESC LIMIT 7`},
		{"some events", eventsQuery(people.EventFilter{From: start, To: start.Add(time.Hour), Actor: `o'dd\`, Action: "a", Target: "x\r/y\x00", Result: "ok"}, 7), `SELECT ` + eventColumns + ` FROM "audit" WHERE ` + when +
			` AND "actor" = 'o\'dd\\' AND "action" = 'a' AND "target" =~ /^x\r\/y\x00$/ AND "result" = 'ok' ORDER BY time DESC LIMIT 7`},
		{"uses", usesQuery("key"), `SELECT "id", "at" FROM "last_use" WHERE "kind" = 'key'`},
		{"inbox", applicantsQuery(), `SELECT "id", "address", "first", "last", "count", "known" FROM "enrolment_inbox" WHERE time >= 0 AND time < 1000000000000`},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if _, err := influxql.ParseQuery(c.got); err != nil {
			t.Errorf("%s does not parse: %v", c.name, err)
		}
	}
}

func TestRecordIsWrittenTwiceInOneBatch(t *testing.T) {
	db := &DB{}
	at := time.Unix(0, 1777593600000000001)
	r := devices.Record{ID: "dev1", Stamp: at, CreatedAt: at, Key: "k", Sealed: `s "e" \`, TokenHash: "h"}
	db.logTime.writer = "me"
	want := `deviceauth,deviceId=dev1 createdAt="2026-05-01T00:00:00.000000001Z",key="k",token="s \"e\" \\",tokenHash="h" 1777593600000000001
deviceauth_log,writer=me deviceId="dev1",createdAt="2026-05-01T00:00:00.000000001Z",key="k",tokenHash="h",stamp=1777593600000000001i 1777593600000000001
`
	if d := cmp.Diff(want, db.recordLines(r)); d != "" {
		t.Error(d)
	}
	if _, again := db.logTime.next(at); !again.Equal(at.Add(1)) {
		t.Errorf("the next log point of the moment is at %v, want a nanosecond later", again)
	}
	if _, later := db.logTime.next(at.Add(time.Hour)); !later.Equal(at.Add(time.Hour)) {
		t.Errorf("a later log point is at %v", later)
	}
}

func TestPartsOfARangeThatAreLookedAtFirst(t *testing.T) {
	const day = 24 * time.Hour
	stop := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		span time.Duration
		want []time.Duration
	}{
		{time.Nanosecond, []time.Duration{time.Nanosecond}},
		{7 * day, []time.Duration{7 * day}},
		{20 * day, []time.Duration{20 * day}},
		{30 * day, []time.Duration{10 * day, 30 * day}},
		{365 * day, []time.Duration{10 * day, 60 * day, 365 * day}},
		{maxTime.Sub(minTime), []time.Duration{10 * day, 60 * day, 360 * day, 2160 * day, 12960 * day, maxTime.Sub(minTime)}},
	} {
		var got []time.Duration
		for _, p := range newestParts(selection{device: "d", start: stop.Add(-c.span), stop: stop}) {
			if got = append(got, stop.Sub(p.start)); !p.stop.Equal(stop) || p.device != "d" {
				t.Errorf("%v: %+v is no part of it", c.span, p)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%v: %s", c.span, d)
		}
	}
}
