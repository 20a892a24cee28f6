package influx

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/domain"

	"iotcenter/ledger"
)

// The ledger is a log in the auth bucket: a point for each entry, one series for each process that writes and each of
// two measurements. Entries that run out have a measurement of their own, so that a process that starts reads what
// lasts and a month of what does not, however many sessions there were in years.
const (
	ledgerMeasurement = "ledger"
	briefMeasurement  = "ledger_brief"
)

// briefSlack is how much longer than its life a brief entry is looked for: for clocks that differ.
const briefSlack = 24 * time.Hour

var _ ledger.Store = (*DB)(nil)

// PutEntries writes all of entries in one request; after it returns, reads on every replica see them. The time of a
// point is the database's clock, as far as this process knows it, made unique, and says when the entry was written; the entry's stamp, which may be far
// from it, is a field. A byte that is no UTF-8 is kept as U+FFFD.
func (db *DB) PutEntries(ctx context.Context, entries []ledger.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return db.op(ctx, "ledger_put", db.timing.request, func(ctx context.Context) error {
		return db.writeAuth(ctx, db.entryLines(entries))
	})
}

func (db *DB) entryLines(entries []ledger.Entry) string {
	var b strings.Builder
	now := db.shared(db.now())
	for _, e := range entries {
		measurement, until := ledgerMeasurement, int64(0)
		if !e.Until.IsZero() {
			measurement, until = briefMeasurement, clamp(e.Until).UnixNano()
		}
		writer, at := db.ledgerTime.next(now)
		b.WriteString(point{
			measurement: measurement,
			tags:        []tag{{writerTag, writer}},
			fields: []field{{"kind", validText(e.Kind)}, {"id", validText(e.ID)}, {"body", validText(string(e.Body))},
				{"deleted", e.Deleted}, {"stamp", clamp(e.Stamp).UnixNano()}, {"until", until}},
			time: at,
		}.line())
	}
	return b.String()
}

// EntriesSince calls fn with every entry written at or after since, which is by the clock of this process: it is compared
// by the database's, so that replicas whose clocks differ hear each other all the same. Of the entries that have an
// Until it leaves out those written more than ledger.Brief and a day ago. It streams; fn's error stops it.
func (db *DB) EntriesSince(ctx context.Context, since time.Time, fn func(ledger.Entry) error) error {
	if !since.IsZero() {
		since = db.shared(since)
	}
	text := entriesSinceQuery(since, db.now().Add(-ledger.Brief-briefSlack))
	return db.each(ctx, "ledger_since", text, func(s *qlSeries, row []json.RawMessage) error {
		e := ledger.Entry{
			Kind: qlString(row, s.column("kind")), ID: qlString(row, s.column("id")),
			Stamp: qlTime(row, s.column("stamp")), Deleted: qlBool(row, s.column("deleted")),
		}
		if until := s.column("until"); qlInt(row, until) != 0 {
			e.Until = qlTime(row, until)
		}
		if body := qlString(row, s.column("body")); body != "" {
			e.Body = []byte(body)
		}
		return fn(e)
	})
}

// ForgetEntries deletes the entries that have an Until and that no EntriesSince looks for any more. Whoever runs the app
// calls it once a day or so; else the bucket grows with every session there ever was.
func (db *DB) ForgetEntries(ctx context.Context) error {
	return db.op(ctx, "ledger_forget", db.timing.query, func(ctx context.Context) error {
		predicate := "_measurement=" + predicateString(briefMeasurement)
		in := domain.DeletePredicateRequest{Predicate: &predicate, Start: minTime, Stop: db.now().UTC().Add(-ledger.Brief - briefSlack)}
		return db.call(ctx, http.MethodPost, "api/v2/delete", url.Values{"org": {db.cfg.Org}, "bucket": {db.cfg.AuthBucket}}, in, nil)
	})
}

// entriesSinceQuery asks for what lasts from since on, and for what does not from the later of since and brief on.
func entriesSinceQuery(since, brief time.Time) string {
	columns := "SELECT " + idents("kind", "id", "body", "deleted", "stamp", "until") + " FROM "
	lasting := columns + influxqlIdent(ledgerMeasurement)
	if !since.IsZero() {
		lasting += " WHERE time >= " + influxqlTime(since)
	}
	if since.After(brief) {
		brief = since
	}
	return lasting + "; " + columns + influxqlIdent(briefMeasurement) + " WHERE time >= " + influxqlTime(brief)
}
