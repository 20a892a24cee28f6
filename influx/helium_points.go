package influx

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"iotcenter/devices"
	"iotcenter/telemetry/helium"
)

// HeliumPoints gives at most limit points, newest first, of a stored time up to and including upTo (0: no bound). Points
// of one stored time, which only line protocol can write, come in the order of their ports.
func (db *DB) HeliumPoints(ctx context.Context, s helium.Selection, upTo int64, limit int) ([]helium.Stored, error) {
	in := spanOf(s)
	if upTo != 0 {
		in.to = min(in.to, upTo)
	}
	if limit <= 0 || in.empty() {
		return nil, nil
	}
	var out []helium.Stored
	err := db.op(ctx, "helium_points", db.timing.query, func(ctx context.Context) error {
		for _, tags := range tagSets(s.Ports) {
			some, err := db.heliumPoints(ctx, s.Owner, tags, in, limit)
			if err != nil {
				return err
			}
			out = append(out, some...)
			slices.SortStableFunc(out, newestFirst)
			out = out[:min(len(out), limit)]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func newestFirst(a, b helium.Stored) int {
	return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Port, b.Port))
}

// heliumPoints is HeliumPoints for one set of tags. It looks in the newest part of the span first, as survey does.
func (db *DB) heliumPoints(ctx context.Context, owner devices.ID, tags []string, in span, limit int) ([]helium.Stored, error) {
	var out []helium.Stored
	left := helium.MaxPageBytes
	for _, part := range db.newestSpans(in) {
		some, err := db.heliumRead(ctx, owner, tags, part, limit-len(out), &left)
		if status := statusOf(err); status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity {
			return nil, helium.ErrTooLarge // a text of many megabytes, which a line brought
		}
		if err != nil {
			return nil, err
		}
		if out = append(out, some...); len(out) >= limit {
			break
		}
	}
	return out, nil
}

// heliumRead gives the first points of a span: the newest, of whose values left bytes may be held, or with nil the oldest
// ones, without their values.
func (db *DB) heliumRead(ctx context.Context, owner devices.ID, tags []string, in span, limit int, left *int) ([]helium.Stored, error) {
	var out []helium.Stored
	oldest := left == nil
	for ask := limit + 1; len(out) < limit; ask = max(limit-len(out)+1, ask) {
		// One row more than is wanted tells whether the last time was read whole. Rows without a value are read past.
		text, rows, before, last := pointsQuery(owner, tags, in, ask), 0, len(out), int64(0)
		if oldest {
			text = placesQuery(owner, tags, in, ask, 0)
		}
		_, err := db.influxqlBy(ctx, db.cfg.Bucket, text, textRows, func(s *qlSeries, row []json.RawMessage) error {
			rows++
			last = qlInt(row, 0)
			v := heliumValue(row, 1)
			if v == nil {
				return nil
			}
			p := helium.Stored{At: last, Port: helium.UnescapePort(qlString(row, s.column(helium.PortTag)))}
			if !oldest {
				if *left -= len(v); *left < 0 {
					return helium.ErrTooLarge
				}
				p.Value, p.Created = v, madeAt(row, s.column(helium.CreatedField), last)
			}
			out = append(out, p)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if rows < ask {
			break // all of it was read
		}
		out = slices.DeleteFunc(out, func(p helium.Stored) bool { return p.At == last }) // read them again, with all others of their time
		if oldest {
			in.from = last
		} else {
			in.to = last
		}
		if len(out) <= before {
			ask *= 2
		}
	}
	slices.SortStableFunc(out, func(a, b helium.Stored) int {
		if oldest {
			a, b = b, a
		}
		return newestFirst(a, b)
	})
	return out[:min(len(out), limit)], nil
}

// newestSpans gives parts of a span that follow each other, the newest first, each longer than the one before: the
// database reads far fewer shards for a page of newest points than for one that could lie anywhere. What lies in the
// future is in the first part.
func (db *DB) newestSpans(in span) []span {
	top := in.to
	if now := nano(db.now()); in.from < now {
		top = min(top, now)
	}
	return backwards(in, top, firstPart)
}

// pointsQuery asks for the newest points of a span, and with them when they were made.
func pointsQuery(owner devices.ID, tags []string, in span, limit int) string {
	return `SELECT ` + heliumValues + `, "` + helium.CreatedField + `", "` + helium.PortTag + `"::tag` + heliumWhere(owner, tags, in) +
		` ORDER BY time DESC LIMIT ` + strconv.Itoa(limit)
}

// placesQuery asks for the oldest points of a span, some of them left out.
func placesQuery(owner devices.ID, tags []string, in span, limit, offset int) string {
	return `SELECT ` + heliumValues + `, "` + helium.PortTag + `"::tag` + heliumWhere(owner, tags, in) +
		` LIMIT ` + strconv.Itoa(limit) + ` OFFSET ` + strconv.Itoa(offset)
}

// newestPlaceQuery asks for the newest points of a span.
func newestPlaceQuery(owner devices.ID, tags []string, in span, limit int) string {
	return `SELECT ` + heliumValues + `, "` + helium.PortTag + `"::tag` + heliumWhere(owner, tags, in) + ` ORDER BY time DESC LIMIT ` + strconv.Itoa(limit)
}

// HeliumNewer gives stored time and port of the n-th point after a stored time, counted from 1, or of the newest one if
// there are fewer. It counts backwards through the order of HeliumPoints.
func (db *DB) HeliumNewer(ctx context.Context, s helium.Selection, after int64, n int) (at int64, port string, found bool, err error) {
	in := spanOf(s)
	if after >= lastNano || n < 1 {
		return 0, "", false, nil
	}
	sets := tagSets(s.Ports)
	if in.from = max(in.from, after+1); in.empty() || len(sets) == 0 {
		return 0, "", false, nil
	}
	err = db.op(ctx, "helium_newer", db.timing.query, func(ctx context.Context) error {
		var oldest []helium.Stored
		if len(sets) == 1 {
			p, any, sure, err := db.heliumNewer(ctx, s.Owner, sets[0], in, n)
			if err != nil || sure {
				at, port, found = p.At, p.Port, any
				return err
			}
		}
		for _, tags := range sets {
			some, err := db.heliumRead(ctx, s.Owner, tags, in, n, nil)
			if err != nil {
				return err
			}
			oldest = append(oldest, some...)
			slices.SortStableFunc(oldest, func(a, b helium.Stored) int { return newestFirst(b, a) })
			oldest = oldest[:min(len(oldest), n)]
		}
		if found = len(oldest) > 0; found {
			p := oldest[len(oldest)-1]
			at, port = p.At, p.Port
		}
		return nil
	})
	if err != nil {
		return 0, "", false, err
	}
	return at, port, found, nil
}

// heliumNewer lets the database count. It asks for the neighbours too: where they have the same time, the order of their
// ports decides, which the database does not know, and the answer is not sure.
func (db *DB) heliumNewer(ctx context.Context, owner devices.ID, tags []string, in span, n int) (p helium.Stored, found, sure bool, err error) {
	from := max(n-2, 0)
	for _, part := range oldestSpans(in) {
		var counted, newest []helium.Stored
		text := placesQuery(owner, tags, part, n-from+1, from) + "; " + newestPlaceQuery(owner, tags, in, 2)
		_, err := db.influxql(ctx, db.cfg.Bucket, text, false, func(s *qlSeries, row []json.RawMessage) error {
			p := helium.Stored{At: qlInt(row, 0), Port: helium.UnescapePort(qlString(row, s.column(helium.PortTag)))}
			if s.Statement == 0 {
				counted = append(counted, p)
			} else {
				newest = append(newest, p)
			}
			return nil
		})
		if err != nil {
			return p, false, false, err
		}
		switch i := n - 1 - from; {
		case len(newest) == 0:
			return p, false, true, nil
		case len(counted) > i:
			before, next := i > 0 && counted[i-1].At == counted[i].At, i+1 < len(counted) && counted[i+1].At == counted[i].At
			return counted[i], true, !before && !next, nil
		case newest[0].At <= part.to:
			return newest[0], true, len(newest) < 2 || newest[1].At != newest[0].At, nil
		}
	}
	return p, false, false, nil
}

// HeliumTaken gives the largest stored time of the owner within from to before to, on any port.
func (db *DB) HeliumTaken(ctx context.Context, owner devices.ID, from, to int64) (at int64, found bool, err error) {
	if from >= to {
		return 0, false, nil
	}
	in := span{max(from, firstNano), min(to-1, lastNano)}
	if in.empty() {
		return 0, false, nil
	}
	err = db.op(ctx, "helium_taken", db.timing.request, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.Bucket, newestPlaceQuery(owner, nil, in, 1), false, func(_ *qlSeries, row []json.RawMessage) error {
			at, found = qlInt(row, 0), true
			return nil
		})
		return err
	})
	if err != nil {
		return 0, false, err
	}
	return at, found, nil
}
