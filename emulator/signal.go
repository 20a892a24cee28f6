package emulator

import (
	"hash/fnv"
	"math"
	"time"

	"iotcenter/devices"
)

// signal is a value that swings with the day and with a period of several days.
type signal struct {
	Field    string
	Days     float64 // the period
	Min, Max float64
	Whole    bool // truncated to a whole number
}

// signals are what a virtual device measures, in the order of its line; Lat and Lon come from the track.
func signals() [5]signal {
	return [...]signal{
		{"Temperature", 30, 0, 40, false},
		{"Humidity", 90, 0, 99, false},
		{"Pressure", 20, 970, 1050, false},
		{"CO2", 1, 400, 3000, true},
		{"TVOC", 1, 250, 2000, true},
	}
}

// at is the signal's value at a time, with its random part from source.
func (s signal) at(t time.Time, source noise) float64 {
	days := float64(t.Unix()) / 86400
	swing := (s.Max - s.Min) / 4
	period := swing * math.Sin(2*math.Pi*math.Mod(days, s.Days)/s.Days)
	daily := swing * math.Sin(2*math.Pi*(days-math.Floor(days))-math.Pi/2)
	value := math.Trunc((s.Min+2*swing+period+daily+source.at(s.Field, t))*10) / 10
	if s.Whole {
		return math.Trunc(value)
	}
	return value
}

// noise is a random source without state: the same device, field and second always get the same number, so that
// writing a span again writes the same values.
type noise uint64

// newNoise is the source of a device.
func newNoise(seed uint64, id devices.ID) noise {
	return noise(mix(seed ^ textHash(string(id))))
}

// at is a number from 0 up to, but not including, 1.
func (n noise) at(field string, t time.Time) float64 {
	return float64(mix(mix(uint64(n)^textHash(field))^uint64(t.Unix()))>>11) / (1 << 53)
}

func textHash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // a hash takes everything
	return h.Sum64()
}

// mix is the finalizer of SplitMix64: each bit of x changes about half of the bits of the result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
