package telemetry

import "time"

// The precisions of InfluxDB's write API.
const (
	Nanoseconds  Precision = "ns"
	Microseconds Precision = "us"
	Milliseconds Precision = "ms"
	Seconds      Precision = "s"
)

// ValidPrecision reads a precision; "" means nanoseconds. Its error is a *QueryError.
func ValidPrecision(s string) (Precision, error) {
	switch p := Precision(s); p {
	case "":
		return Nanoseconds, nil
	case Nanoseconds, Microseconds, Milliseconds, Seconds:
		return p, nil
	}
	return "", &QueryError{"precision", "is ns, us, ms or s"}
}

// Unit is the length of one step of a time stamp.
func (p Precision) Unit() time.Duration {
	switch p {
	case Microseconds:
		return time.Microsecond
	case Milliseconds:
		return time.Millisecond
	case Seconds:
		return time.Second
	default:
		return time.Nanosecond
	}
}
