package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"iotcenter/people"
)

// auditMeasurement holds the audit log in the auth bucket: one series for each process that writes, everything else is
// a field. Neither people nor strangers make series.
const auditMeasurement = "audit"

// auditPage is how many events are read at once. While fn works on them no query is open, so that somebody who takes
// an export slowly keeps none of the few queries that the database runs at a time, and runs into no time limit.
const auditPage = 5000

// auditText bounds one text of an event, in bytes.
const auditText = 4096

var _ people.EventStore = (*DB)(nil)

// laneTime is logTime for events, which tell when they happened: a time a second or more before the last one, after
// the clock was put back or from a batch that is written late, gets a series of its own instead of being moved up to
// the last one. There are few such lanes; in the last one times are moved.
type laneTime struct {
	mu    sync.Mutex
	lanes [4]logTime
}

func (l *laneTime) next(t time.Time) (writer string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := 0
	for i < len(l.lanes)-1 && clamp(t).UnixNano() <= l.lanes[i].last-int64(time.Second) {
		i++
	}
	return l.lanes[i].next(t)
}

// PutEvents writes events in one request. Events of one instant stay apart: a later one's At is kept a nanosecond or
// more after the one's before it. After an error some may be stored; writing them again can store them twice. Of
// a text longer than 4 KiB the rest is cut off; a byte that is no UTF-8 is kept as U+FFFD.
func (db *DB) PutEvents(ctx context.Context, events []people.Event) error {
	if len(events) == 0 {
		return nil
	}
	return db.op(ctx, "audit_put", db.timing.request, func(ctx context.Context) error {
		return db.writeAuth(ctx, db.eventLines(events))
	})
}

func (db *DB) eventLines(events []people.Event) string {
	var b strings.Builder
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(x, y people.Event) int { return x.At.Compare(y.At) })
	for _, e := range events {
		writer, at := db.auditTime.next(e.At)
		p := point{measurement: auditMeasurement, tags: []tag{{writerTag, writer}}, time: at}
		for _, f := range eventFields(&e) {
			text := *f.text
			p.fields = append(p.fields, field{f.name, validText(text[:min(len(text), auditText)])})
		}
		b.WriteString(p.line())
	}
	return b.String()
}

// eventFields are the texts of an event and their names in the database.
func eventFields(e *people.Event) []eventField {
	return []eventField{
		{"actorKind", &e.ActorKind}, {"actor", &e.Actor}, {"address", &e.Address}, {"action", &e.Action},
		{"target", &e.Target}, {"result", &e.Result}, {"detail", &e.Detail}, {"requestId", &e.RequestID},
	}
}

type eventField struct {
	name string
	text *string
}

// Events calls fn with the matching events, newest first, and holds a page of them in memory. At is unique among the
// events of a process, and in practice among all: whoever reads page by page passes the At of the last event as the
// next To. Should two processes have written at the same nanosecond, and one of the two be the last of such a page,
// the other one is on neither page; within one call none is left out.
func (db *DB) Events(ctx context.Context, f people.EventFilter, fn func(people.Event) error) error {
	var last time.Time // of the page before
	same := 0          // events of that time which fn has seen
	for left := f.Limit; ; {
		page := auditPage
		if f.Limit > 0 {
			page = min(page, left)
		}
		// The events of the last time are asked for again, and as many passed over as fn has seen.
		events, err := db.eventsPage(ctx, eventsQuery(f, page+same))
		if err != nil {
			return err
		}
		full := len(events) == page+same
		for skip := same; len(events) > 0 && skip > 0 && events[0].At.Equal(last); skip-- {
			events = events[1:]
		}
		for _, e := range events {
			if err := fn(e); err != nil {
				return err
			}
			if !e.At.Equal(last) {
				last, same = e.At, 0
			}
			same++
		}
		left -= len(events)
		if !full || f.Limit > 0 && left <= 0 {
			return nil
		}
		f.To = last.Add(1)
	}
}

func (db *DB) eventsPage(ctx context.Context, text string) ([]people.Event, error) {
	var out []people.Event
	err := db.each(ctx, "audit_events", text, func(s *qlSeries, row []json.RawMessage) error {
		e := people.Event{At: qlTime(row, s.column("time"))}
		for _, f := range eventFields(&e) {
			*f.text = qlString(row, s.column(f.name))
		}
		out = append(out, e)
		return nil
	})
	return out, err
}

// eventsQuery asks for the newest events. Without GROUP BY InfluxQL merges the series of all writers by time.
func eventsQuery(f people.EventFilter, limit int) string {
	var names, where []string
	for _, field := range eventFields(new(people.Event)) {
		names = append(names, field.name)
	}
	if !f.From.IsZero() {
		where = append(where, "time >= "+influxqlTime(f.From))
	}
	if !f.To.IsZero() {
		where = append(where, "time < "+influxqlTime(f.To))
	}
	for _, c := range []struct{ name, value string }{
		{"actor", f.Actor}, {"action", f.Action}, {"target", f.Target}, {"result", f.Result},
	} {
		if c.value != "" {
			where = append(where, influxqlEquals(c.name, validText(c.value[:min(len(c.value), auditText)])))
		}
	}
	text := "SELECT " + idents(names...) + " FROM " + influxqlIdent(auditMeasurement)
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	return fmt.Sprintf("%s ORDER BY time DESC LIMIT %d", text, limit)
}
