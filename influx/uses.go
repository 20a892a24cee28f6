package influx

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"iotcenter/people"
)

// useMeasurement holds when things were last used, in the auth bucket: one series for each kind, and in it one point
// for each id, which every later use overwrites. The time of a point is no time: it stands for the id, and is a hash of
// it within one week of the year 1970. InfluxDB stores a bucket without retention in shards of a week from Monday on,
// so that all of them are in one shard.
const useMeasurement = "last_use"

var useWeek = time.Date(1970, 1, 5, 0, 0, 0, 0, time.UTC) // a Monday

// useBits is the length of the hash: 2^49 ns are six and a half days. Of 100,000 ids two share a point once in
// 100,000 installations; then one of them has no last use.
const useBits = 49

// usesAtOnce is how many points go into one request.
const usesAtOnce = 10_000

var _ people.UseStore = (*DB)(nil)

// usePlace is the time of the point of an id.
func usePlace(id string) time.Time {
	sum := sha256.Sum256([]byte(id))
	return useWeek.Add(time.Duration(binary.BigEndian.Uint64(sum[:]) >> (64 - useBits)))
}

// PutUses writes the newest use of each id; kind is one of the app's own words. The last write of an id holds: where two
// processes saw it used, that is the newest use up to the time between two writes.
func (db *DB) PutUses(ctx context.Context, kind string, uses map[string]time.Time) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(uses)), usesAtOnce) {
		var b strings.Builder
		for _, id := range ids {
			b.WriteString(useLine(kind, id, uses[id]))
		}
		err := db.op(ctx, "uses_put", db.timing.query, func(ctx context.Context) error { return db.writeAuth(ctx, b.String()) })
		if err != nil {
			return err
		}
	}
	return nil
}

func useLine(kind, id string, at time.Time) string {
	id = validText(id)
	return point{
		measurement: useMeasurement,
		tags:        []tag{{"kind", kind}},
		fields:      []field{{"id", id}, {"at", clamp(at).UnixNano()}},
		time:        usePlace(id),
	}.line()
}

// Uses gives the newest use of every id of the kind.
func (db *DB) Uses(ctx context.Context, kind string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	err := db.each(ctx, "uses", usesQuery(kind), func(s *qlSeries, row []json.RawMessage) error {
		out[qlString(row, s.column("id"))] = qlTime(row, s.column("at"))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func usesQuery(kind string) string {
	return "SELECT " + idents("id", "at") + " FROM " + influxqlIdent(useMeasurement) +
		" WHERE " + influxqlIdent("kind") + " = " + influxqlString(kind)
}
