package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"iotcenter/devices"
)

// inboxMeasurement holds the devices that wait for approval, in the auth bucket: one series without tags, in which the
// point at second n of the year 1970 is place n. Whatever strangers send, there are never more points than places.
const inboxMeasurement = "enrolment_inbox"

var _ devices.InboxStore = (*DB)(nil)

// PutApplicants writes places in one request; an Applicant without an ID empties its place. A place that does not
// exist is an error, and then nothing is written.
func (db *DB) PutApplicants(ctx context.Context, places map[int]devices.Applicant) error {
	if len(places) == 0 {
		return nil
	}
	var b strings.Builder
	for _, n := range slices.Sorted(maps.Keys(places)) {
		if n < 0 || n >= devices.InboxSize {
			return fmt.Errorf("inbox_put: there is no place %d in an inbox of %d", n, devices.InboxSize)
		}
		b.WriteString(applicantLine(n, places[n]))
	}
	return db.op(ctx, "inbox_put", db.timing.request, func(ctx context.Context) error { return db.writeAuth(ctx, b.String()) })
}

func applicantLine(place int, a devices.Applicant) string {
	if a.ID == "" {
		a = devices.Applicant{} // nothing of who was here stays
	}
	return point{
		measurement: inboxMeasurement,
		fields: []field{{"id", string(a.ID)}, {"address", validText(a.Address)}, {"first", clamp(a.First).UnixNano()},
			{"last", clamp(a.Last).UnixNano()}, {"count", int64(a.Count)}, {"known", a.Known}},
		time: time.Unix(int64(place), 0),
	}.line()
}

// Applicants gives the places that are taken.
func (db *DB) Applicants(ctx context.Context) (map[int]devices.Applicant, error) {
	out := map[int]devices.Applicant{}
	err := db.op(ctx, "inbox", db.timing.request, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.AuthBucket, applicantsQuery(), false, func(s *qlSeries, row []json.RawMessage) error {
			id, err := devices.ParseID(qlString(row, s.column("id")))
			if err != nil {
				return nil // an empty place
			}
			out[int(qlTime(row, s.column("time")).Unix())] = devices.Applicant{
				ID: id, Address: qlString(row, s.column("address")),
				First: qlTime(row, s.column("first")), Last: qlTime(row, s.column("last")),
				Count: int(qlInt(row, s.column("count"))), Known: qlBool(row, s.column("known")),
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func applicantsQuery() string {
	return "SELECT " + idents("id", "address", "first", "last", "count", "known") + " FROM " + influxqlIdent(inboxMeasurement) +
		" WHERE " + within(time.Unix(0, 0), time.Unix(devices.InboxSize, 0))
}
