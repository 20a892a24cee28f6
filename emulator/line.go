package emulator

import (
	"strconv"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// precision is that of the emulator's lines.
const precision = telemetry.Seconds

// liner writes the points of one virtual device as line protocol.
type liner struct {
	head    string // measurement and tags
	signals [5]signal
	source  noise
}

func newLiner(seed uint64, id devices.ID) liner {
	// The tags are sorted, as the database wants them. A device id needs no escapes.
	head := telemetry.Environment
	for _, sensor := range []string{"CO2Sensor", "GPSSensor", "HumiditySensor", "PressureSensor", "TVOCSensor", "TemperatureSensor"} {
		head += "," + sensor + "=virtual_" + sensor
	}
	return liner{head: head + "," + telemetry.ClientTag + "=" + string(id) + " ", signals: signals(), source: newNoise(seed, id)}
}

// append adds the line of the point at t. All values are floats, CO2 and TVOC too although they are whole: a field has
// one type in all of a bucket, and a device that measures them with a fraction must be able to write as well.
func (l *liner) append(line []byte, t time.Time) []byte {
	line = append(line, l.head...)
	for _, s := range l.signals {
		line = appendField(line, s.Field, s.at(t, l.source))
	}
	lat, lon := PositionAt(t)
	line = appendField(line, "Lat", lat)
	line = appendField(line, "Lon", lon)
	line[len(line)-1] = ' ' // instead of the last comma
	line = strconv.AppendInt(line, t.Unix(), 10)
	return append(line, '\n')
}

func appendField(line []byte, name string, value float64) []byte {
	line = append(line, name...)
	line = append(line, '=')
	line = strconv.AppendFloat(line, value, 'f', -1, 64)
	return append(line, ',')
}
