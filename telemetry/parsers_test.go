package telemetry

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testNow is the time of points without a time stamp.
var testNow = time.Date(2026, 11, 18, 9, 30, 15, 0, time.UTC)

// decoded is a point as one of the parsers reads it; names and values without their escapes.
type decoded struct {
	Measurement string
	Tags        [][2]string // in their order
	Fields      [][2]string // name, and kind with value
	Time        string
}

// withoutOwn gives the point without its clientId tags, and the values of these.
func (d decoded) withoutOwn() (rest decoded, own []string) {
	rest = d
	rest.Tags = nil
	for _, tag := range d.Tags {
		if tag[0] == ClientTag {
			own = append(own, tag[1])
		} else {
			rest.Tags = append(rest.Tags, tag)
		}
	}
	return rest, own
}

// decode reads line protocol as InfluxDB's newer parser does. It goes on after a bad line, as a lenient reader would;
// failed tells the first error.
func decode(lines []byte) (points []decoded, failed error) {
	d := lineprotocol.NewDecoderWithBytes(bytes.Clone(lines))
	for d.Next() {
		p, err := decodePoint(d)
		if err == nil {
			points = append(points, p)
		} else if failed == nil {
			failed = err
		}
	}
	return points, failed
}

func decodePoint(d *lineprotocol.Decoder) (p decoded, err error) {
	name, err := d.Measurement()
	if err != nil {
		return p, err
	}
	p.Measurement = string(name)
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return p, err
		}
		if key == nil {
			break
		}
		p.Tags = append(p.Tags, [2]string{string(key), string(value)})
	}
	for {
		key, value, err := d.NextField()
		if err != nil {
			return p, err
		}
		if key == nil {
			break
		}
		p.Fields = append(p.Fields, [2]string{string(key), fmt.Sprint(value.Kind(), " ", value.Interface())})
	}
	at, err := d.Time(lineprotocol.Nanosecond, testNow)
	p.Time = at.String()
	return p, err
}

// parse reads line protocol as the embedded database does, which takes the good lines besides an error as well.
func parse(lines []byte) (points []decoded, failed error) {
	all, failed := models.ParsePointsWithPrecision(bytes.Clone(lines), testNow, "n")
	for _, p := range all {
		one := decoded{Measurement: string(p.Name()), Time: p.Time().String()}
		for _, tag := range p.Tags() {
			one.Tags = append(one.Tags, [2]string{string(tag.Key), string(tag.Value)})
		}
		for it := p.FieldIterator(); it.Next(); {
			value := ""
			switch it.Type() {
			case models.Float:
				v, err := it.FloatValue()
				value = fmt.Sprint(v, err)
			case models.Integer:
				v, err := it.IntegerValue()
				value = fmt.Sprint(v, err)
			case models.Unsigned:
				v, err := it.UnsignedValue()
				value = fmt.Sprint(v, err)
			case models.Boolean:
				v, err := it.BooleanValue()
				value = fmt.Sprint(v, err)
			case models.String:
				value = it.StringValue()
			}
			one.Fields = append(one.Fields, [2]string{string(it.FieldKey()), fmt.Sprint(it.Type(), " ", value)})
		}
		points = append(points, one)
	}
	return points, failed
}

// parsers are the readers that a fenced body must mean the same to.
var parsers = map[string]func([]byte) ([]decoded, error){"lineprotocol": decode, "models": parse}
