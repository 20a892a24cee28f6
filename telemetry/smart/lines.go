package smart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"iotcenter/telemetry"
)

// maxLines is how many bytes of line protocol a batch may become: every point repeats the tags and the names.
const maxLines = 128 << 20

// encode writes a batch as line protocol with times in nanoseconds: a point for each time, with the fields in the order
// of the batch. Of two pairs of a field with the same time the later one holds. kinds has a type for each field, which
// its values fit; imei is the product_imei, "" for none.
func encode(b *Batch, imei string, kinds []telemetry.FieldKind) ([]byte, error) {
	e := encoder{prefix: prefix(b, imei), names: make([][]byte, len(b.Fields)), kinds: kinds}
	longest := 0
	for i, f := range b.Fields {
		e.names[i] = append(appendEscaped(nil, f.Name, ",= "), '=')
		longest = max(longest, len(f.Pairs))
	}
	e.out = make([]byte, 0, min(longest*(len(e.prefix)+22)+b.Pairs()*24, maxLines))
	var err error
	if sameTimes(b.Fields) {
		err = e.rows(b.Fields)
	} else {
		err = e.merge(b)
	}
	return e.out, err
}

// prefix is what every point starts with: measurement and tags, which line protocol wants sorted.
func prefix(b *Batch, imei string) []byte {
	tags := b.Tags
	if imei != "" {
		tags = append(slices.Clone(tags), telemetry.Tag{Key: imeiTag, Value: imei})
		slices.SortFunc(tags, func(x, y telemetry.Tag) int { return strings.Compare(x.Key, y.Key) })
	}
	out := appendEscaped(nil, b.Measurement, ", ")
	for _, t := range tags {
		out = append(out, ',')
		out = append(appendEscaped(out, t.Key, ",= "), '=')
		out = appendEscaped(out, t.Value, ",= ")
	}
	return append(out, ' ')
}

// appendEscaped puts a backslash before each of some characters.
func appendEscaped(out []byte, s, these string) []byte {
	for i := range len(s) {
		if strings.IndexByte(these, s[i]) >= 0 {
			out = append(out, '\\')
		}
		out = append(out, s[i])
	}
	return out
}

// sameTimes tells whether all fields have the same times, ascending and each once: the common form of a batch.
func sameTimes(fields []BatchField) bool {
	first := fields[0].Pairs
	for i := 1; i < len(first); i++ {
		if first[i].At <= first[i-1].At {
			return false
		}
	}
	for _, f := range fields[1:] {
		if len(f.Pairs) != len(first) {
			return false
		}
		for i := range f.Pairs {
			if f.Pairs[i].At != first[i].At {
				return false
			}
		}
	}
	return true
}

// encoder collects lines.
type encoder struct {
	prefix []byte
	names  [][]byte // of the fields, each with its equals sign
	kinds  []telemetry.FieldKind
	out    []byte
}

// rows writes fields that share their times.
func (e *encoder) rows(fields []BatchField) error {
	for row := range fields[0].Pairs {
		e.out = append(e.out, e.prefix...)
		for i := range fields {
			if i > 0 {
				e.out = append(e.out, ',')
			}
			e.field(i, &fields[i].Pairs[row].Value)
		}
		if err := e.end(fields[0].Pairs[row].At); err != nil {
			return err
		}
	}
	return nil
}

// merge writes fields with times of their own: all pairs by time, and pairs of one time as one point.
func (e *encoder) merge(b *Batch) error {
	type entry struct {
		at          int64
		field, pair int32
	}
	all := make([]entry, 0, b.Pairs())
	for i, f := range b.Fields {
		for j := range f.Pairs {
			all = append(all, entry{f.Pairs[j].At, int32(i), int32(j)})
		}
	}
	slices.SortFunc(all, func(x, y entry) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.field, y.field), cmp.Compare(x.pair, y.pair))
	})
	open := false
	for i, x := range all {
		last := i+1 == len(all) || all[i+1].at != x.at
		if !last && all[i+1].field == x.field {
			continue // the later one holds
		}
		if open {
			e.out = append(e.out, ',')
		} else {
			e.out = append(e.out, e.prefix...)
		}
		open = !last
		e.field(int(x.field), &b.Fields[x.field].Pairs[x.pair].Value)
		if last {
			if err := e.end(x.at); err != nil {
				return err
			}
		}
	}
	return nil
}

// end writes the time stamp.
func (e *encoder) end(at int64) error {
	e.out = append(e.out, ' ')
	e.out = append(strconv.AppendInt(e.out, at, 10), '\n')
	if len(e.out) > maxLines {
		return bad(fmt.Sprintf("with the tags and names that each point repeats, the batch is larger than %d MiB; send it in parts", maxLines>>20))
	}
	return nil
}

// field writes a name and a value.
func (e *encoder) field(i int, v *Value) {
	e.out = append(e.out, e.names[i]...)
	switch e.kinds[i] {
	case telemetry.KindFloat:
		e.out = appendFloat(e.out, v)
	case telemetry.KindInteger:
		e.out = append(strconv.AppendInt(e.out, v.Integer, 10), 'i')
	case telemetry.KindUnsigned:
		e.out = append(strconv.AppendInt(e.out, v.Integer, 10), 'u')
	case telemetry.KindBoolean:
		e.out = strconv.AppendBool(e.out, v.Bool)
	default:
		e.out = append(e.out, '"')
		e.out = append(appendEscaped(e.out, v.Text, `"\`), '"')
	}
}

// appendFloat writes a number so that it reads back as the same float.
func appendFloat(out []byte, v *Value) []byte {
	if v.Whole && !(v.Integer == 0 && math.Signbit(v.Number)) {
		return strconv.AppendInt(out, v.Integer, 10)
	}
	return strconv.AppendFloat(out, v.Number, 'g', -1, 64)
}
