package influx

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry/helium"
)

// HeliumBuckets gives at most limit buckets with numbers, newest first and then by port, with a start up to and including
// upTo (zero: no bound). The database computes them; no more of them than twice the limit are held, whatever the number
// of ports.
func (db *DB) HeliumBuckets(ctx context.Context, s helium.Selection, size time.Duration, upTo time.Time, limit int) ([]helium.Bucket, error) {
	in := windowed(spanOf(s))
	if !upTo.IsZero() {
		in.to = min(in.to, nano(upTo.Truncate(size).Add(size).Add(-1)))
	}
	if limit <= 0 || in.empty() {
		return nil, nil
	}
	var out []helium.Bucket
	err := db.op(ctx, "helium_buckets", db.timing.query, func(ctx context.Context) error {
		length, err := db.bucketsAtOnce(ctx, s, size, limit)
		if err != nil {
			return err
		}
		found := bucketList{size: size, limit: limit, windows: map[bucketKey]*window{}}
		if err := db.gatherBuckets(ctx, s, in, length, &found); err != nil {
			return err
		}
		out, err = db.fillBuckets(ctx, s, in, &found, found.sorted())
		return err
	})
	return out, err
}

// HeliumNewerBucket gives the n-th bucket after those that start at a time and the given port or later ports, in
// ascending order, or the newest one if there are fewer.
func (db *DB) HeliumNewerBucket(ctx context.Context, s helium.Selection, size time.Duration, after helium.Bucket, n int) (b helium.Bucket, found bool, err error) {
	in := windowed(spanOf(s))
	whole := in
	in.from = max(in.from, nano(after.Start))
	if n < 1 || in.empty() {
		return b, false, nil
	}
	err = db.op(ctx, "helium_newer_bucket", db.timing.query, func(ctx context.Context) error {
		length, err := db.bucketsAtOnce(ctx, s, size, n)
		if err != nil {
			return err
		}
		list := bucketList{size: size, limit: n, oldest: true, after: &bucketKey{after.Start.UTC().Truncate(size), after.Port}, windows: map[bucketKey]*window{}}
		if err := db.gatherBuckets(ctx, s, in, length, &list); err != nil {
			return err
		}
		keys := list.sorted()
		if len(keys) == 0 {
			return nil
		}
		one, err := db.fillBuckets(ctx, s, whole, &list, keys[len(keys)-1:])
		if len(one) > 0 {
			b, found = one[0], true
		}
		return err
	})
	return b, found, err
}

// bucketsAtOnce is a length of time that holds about as many buckets as are wanted, if every port has one in each.
func (db *DB) bucketsAtOnce(ctx context.Context, s helium.Selection, size time.Duration, want int) (time.Duration, error) {
	ports := len(s.Ports)
	if s.Ports == nil {
		tags, err := db.heliumTags(ctx, s.Owner)
		if err != nil {
			return 0, err
		}
		ports = len(tags)
	}
	n := time.Duration(want/max(ports, 1) + 1)
	if n > math.MaxInt64/size {
		return math.MaxInt64, nil
	}
	return n * size, nil
}

// bucketKey tells a bucket from others.
type bucketKey struct {
	start time.Time
	port  string
}

// bucketList holds the newest buckets, or the oldest ones after one.
type bucketList struct {
	size    time.Duration
	limit   int
	oldest  bool
	after   *bucketKey
	windows map[bucketKey]*window
	worst   *bucketKey // what comes after it is not among the limit
}

// compare puts buckets in the list's order: the newest first and then by port, or the reverse.
func (l *bucketList) compare(a, b bucketKey) int {
	if l.oldest {
		a, b = b, a
	}
	return cmp.Or(b.start.Compare(a.start), cmp.Compare(a.port, b.port))
}

// window gives the window of a bucket; nil if it is not among those that are wanted. Only while more is true the list grows.
func (l *bucketList) window(k bucketKey, more bool) *window {
	if w := l.windows[k]; w != nil || !more {
		return w
	}
	if l.worst != nil && l.compare(k, *l.worst) > 0 || l.after != nil && l.compare(k, *l.after) <= 0 {
		return nil
	}
	w := &window{min: math.Inf(1), max: math.Inf(-1)}
	l.windows[k] = w
	if len(l.windows) >= 2*l.limit+100 {
		l.sorted()
	}
	return w
}

// sorted gives the limit first buckets in order, and forgets the others.
func (l *bucketList) sorted() []bucketKey {
	keys := make([]bucketKey, 0, len(l.windows))
	for k := range l.windows {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, l.compare)
	if len(keys) >= l.limit {
		for _, k := range keys[l.limit:] {
			delete(l.windows, k)
		}
		keys = keys[:l.limit]
		l.worst = &keys[l.limit-1]
	}
	return keys
}

// gatherBuckets reads a span part by part until there are as many buckets as are wanted. Each part begins with a bucket
// that there is, whatever the time between them, and is longer than the one before: of a span that is full of numbers
// little more is computed than is wanted, and one that has few is read in a few steps.
func (db *DB) gatherBuckets(ctx context.Context, s helium.Selection, in span, length time.Duration, l *bucketList) error {
	for ; len(l.windows) < l.limit && !in.empty(); length = longer(length) {
		at, found, err := db.nextNumber(ctx, s, in, l.oldest)
		if err != nil || !found {
			return err
		}
		part, windows := l.part(in, at, length)
		collect := db.fluxBuckets
		if !windows {
			collect = db.influxqlBuckets
		}
		for _, ports := range portSets(s.Ports) {
			if err := collect(ctx, s.Owner, ports, part, l); err != nil {
				return err
			}
			l.sorted()
		}
		if l.oldest {
			in.from = part.to + 1
		} else {
			in.to = part.from - 1
		}
	}
	return nil
}

// nextNumber gives the time of the newest number of a span, or of the oldest one.
func (db *DB) nextNumber(ctx context.Context, s helium.Selection, in span, oldest bool) (at int64, found bool, err error) {
	for _, tags := range tagSets(s.Ports) {
		_, err := db.influxql(ctx, db.cfg.Bucket, nextNumberQuery(s.Owner, tags, in, oldest), false, func(_ *qlSeries, row []json.RawMessage) error {
			if t := qlInt(row, 0); !found || (t < at) == oldest {
				at, found = t, true
			}
			return nil
		})
		if err != nil {
			return 0, false, err
		}
	}
	return at, found, nil
}

// nextNumberQuery asks for the newest or the oldest number of a span.
func nextNumberQuery(owner devices.ID, tags []string, in span, oldest bool) string {
	order := ` ORDER BY time DESC`
	if oldest {
		order = ``
	}
	return `SELECT "` + helium.NumberField + `"` + heliumWhere(owner, tags, in) + order + ` LIMIT 1`
}

// The times of which there are buckets. Within a day of the first and the last time no language of the database has
// whole windows: numbers there are in no bucket.
const (
	firstWindow = -lastWindow - 1
	lastWindow  = (lastNano/int64(24*time.Hour)-3)*int64(24*time.Hour) - 1
)

// windowed is the part of a span of which there are buckets.
func windowed(in span) span { return span{max(in.from, firstWindow), min(in.to, lastWindow)} }

// part is a part of a span that begins with the bucket of a number, and ends with whole buckets. windows tells whether
// Flux can make them; if not, InfluxQL can, and the part has no more of them than a statement may have. The embedded
// database's Flux has no windows before the epoch.
func (l *bucketList) part(in span, at int64, length time.Duration) (part span, windows bool) {
	if windows = at >= 0; windows {
		in.from = max(in.from, 0)
	} else {
		in.to = min(in.to, -1)
		if l.size <= math.MaxInt64/statementBuckets {
			length = min(length, statementBuckets*l.size)
		}
	}
	whole := func(t int64) time.Time { return time.Unix(0, t).UTC().Truncate(l.size) }
	if l.oldest {
		part = span{nano(whole(at)), in.to}.first(length)
		part.to = nano(whole(part.to).Add(l.size)) - 1
	} else {
		part = span{in.from, nano(whole(at).Add(l.size)) - 1}.last(length)
		part.from = nano(whole(part.from))
	}
	return span{max(part.from, in.from), min(part.to, in.to)}, windows
}

// statementBuckets is how many buckets a statement of InfluxQL may have: databases are set up to refuse a million of them.
const statementBuckets = 900_000

// fluxBuckets reads the buckets of a part. Flux computes them in a third of the time that InfluxQL takes. Its answer has
// one function after another: the first one's rows tell which buckets there are.
func (db *DB) fluxBuckets(ctx context.Context, owner devices.ID, ports []string, part span, into *bucketList) error {
	sel := selection{db.cfg.Bucket, helium.Measurement, string(owner), time.Unix(0, part.from).UTC(), time.Unix(0, part.to+1).UTC(), ports}
	first := ""
	_, err := db.flux(ctx, windowsFlux(sel, into.size, windowStart, "mean", "min", "max", "count"), func(r *fluxRecord) error {
		v, ok := r.number("_value")
		t, err := r.time("_time")
		if err != nil || !ok {
			return err
		}
		result := r.text("result")
		if first == "" {
			first = result
		}
		if w := into.window(bucketKey{t.Truncate(into.size), sel.name(r)}, result == first); w != nil {
			w.add(result, v)
		}
		return nil
	})
	return err
}

// influxqlBuckets is the same by InfluxQL.
func (db *DB) influxqlBuckets(ctx context.Context, owner devices.ID, ports []string, part span, into *bucketList) error {
	for _, tags := range tagSets(ports) {
		_, err := db.influxql(ctx, db.cfg.Bucket, numberBucketsQuery(owner, tags, part, into.size), true, func(head *qlSeries, row []json.RawMessage) error {
			k := bucketKey{qlTime(row, 0).Truncate(into.size), helium.UnescapePort(head.Tags[helium.PortTag])}
			if w := into.window(k, true); w != nil {
				for i := 1; i < len(row); i++ {
					if v, ok := qlFloat(row, i); ok {
						w.add(head.Columns[i], v)
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// numberBucketsQuery asks for the buckets of a span.
func numberBucketsQuery(owner devices.ID, tags []string, in span, size time.Duration) string {
	const n = `("` + helium.NumberField + `")`
	return `SELECT mean` + n + `, min` + n + `, max` + n + `, count` + n + heliumWhere(owner, tags, in) +
		` GROUP BY time(` + fluxDuration(size) + `), "` + helium.PortTag + `" fill(none)`
}

// newestNumber is the newest number of a bucket.
type newestNumber struct {
	at      int64
	created time.Time
	unsure  bool // it does not say its stored time: it came by line protocol
}

// fillBuckets adds to buckets which number is their newest: the last of each, which tells its stored time.
func (db *DB) fillBuckets(ctx context.Context, s helium.Selection, in span, l *bucketList, keys []bucketKey) ([]helium.Bucket, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	newest := make(map[bucketKey]*newestNumber, len(keys))
	for _, k := range keys {
		newest[k] = &newestNumber{at: math.MinInt64}
	}
	for _, ports := range portSets(s.Ports) {
		var statements []string
		for _, part := range runs(keys, l.size, in) {
			for _, tags := range tagSets(ports) {
				statements = append(statements, newestNumbersQuery(s.Owner, tags, part, l.size))
			}
		}
		for some := range slices.Chunk(statements, statementsAtOnce) {
			_, err := db.influxql(ctx, db.cfg.Bucket, strings.Join(some, "; "), true, func(head *qlSeries, row []json.RawMessage) error {
				k := bucketKey{qlTime(row, 0).Truncate(l.size), helium.UnescapePort(head.Tags[helium.PortTag])}
				n := newest[k]
				if n == nil {
					return nil
				}
				at := qlInt(row, 2)
				if !isNumber(row[2]) || !time.Unix(0, at).UTC().Truncate(l.size).Equal(k.start) {
					n.unsure = true
				} else if at > n.at {
					n.at, n.created = at, madeAt(row, 3, at)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	if err := db.findNewest(ctx, s.Owner, in, l.size, newest); err != nil {
		return nil, err
	}
	out := make([]helium.Bucket, 0, len(keys))
	for _, k := range keys {
		w, n := l.windows[k], newest[k]
		if n.at != math.MinInt64 { // or it was deleted in between
			out = append(out, helium.Bucket{Start: k.start, Port: k.port, Min: w.min, Max: w.max, Avg: w.mean(), NewestAt: n.at, Created: n.created})
		}
	}
	return out, nil
}

// runs gives the spans in which the buckets of a list lie, as few as can be asked about.
func runs(keys []bucketKey, size time.Duration, in span) []span {
	starts := make([]time.Time, len(keys))
	for i, k := range keys {
		starts[i] = k.start
	}
	slices.SortFunc(starts, time.Time.Compare)
	var out []span
	for i := 0; i < len(starts); {
		first, last := starts[i], starts[i]
		for ; i < len(starts) && starts[i].Sub(first)/size < statementBuckets; i++ {
			last = starts[i]
		}
		out = append(out, span{max(in.from, nano(first)), min(in.to, nano(last.Add(size).Add(-1)))})
	}
	return out
}

// findNewest asks for the newest numbers that do not say their stored time, each by a statement of its own.
func (db *DB) findNewest(ctx context.Context, owner devices.ID, in span, size time.Duration, newest map[bucketKey]*newestNumber) error {
	var unsure []bucketKey
	for k, n := range newest {
		if n.unsure {
			unsure = append(unsure, k)
		}
	}
	for some := range slices.Chunk(unsure, statementsAtOnce) {
		statements := make([]string, len(some))
		for i, k := range some {
			part := span{max(in.from, nano(k.start)), min(in.to, nano(k.start.Add(size).Add(-1)))}
			statements[i] = newestNumberQuery(owner, portTags(k.port), part)
		}
		_, err := db.influxql(ctx, db.cfg.Bucket, strings.Join(statements, "; "), false, func(s *qlSeries, row []json.RawMessage) error {
			n := newest[some[s.Statement]]
			n.at = qlInt(row, 0)
			n.created = madeAt(row, 2, n.at)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// statementsAtOnce bounds a request of many statements.
const statementsAtOnce = 50

// newestNumbersQuery asks for the newest number of each port in each bucket. With a single selector InfluxQL gives the
// other fields of its point; its time it does not give.
func newestNumbersQuery(owner devices.ID, tags []string, in span, size time.Duration) string {
	return `SELECT last("` + helium.NumberField + `"), "` + helium.AtField + `", "` + helium.CreatedField + `"` + heliumWhere(owner, tags, in) +
		` GROUP BY time(` + fluxDuration(size) + `), "` + helium.PortTag + `" fill(none)`
}

// newestNumberQuery asks for one, and its time.
func newestNumberQuery(owner devices.ID, tags []string, in span) string {
	return `SELECT last("` + helium.NumberField + `"), "` + helium.CreatedField + `"` + heliumWhere(owner, tags, in)
}
