package views

import (
	"strconv"
	"time"

	"iotcenter/telemetry"
)

// BucketsPage is the list of buckets and the form for a new one.
type BucketsPage struct {
	Shell
	Rows   []telemetry.Bucket
	Unread bool
	Form   BucketForm
}

// BucketForm is a new bucket as it was typed, with what is wrong.
type BucketForm struct {
	Name      string
	Retention time.Duration

	NameProblem, RetentionProblem string
}

// RetentionPage changes how long a bucket keeps data.
type RetentionPage struct {
	Shell
	Bucket    telemetry.Bucket
	Retention time.Duration // the chosen one
	Confirm   bool          // it is shorter: ask before data go
	Problem   string
}

const day = 24 * time.Hour

// RetentionChoices are offered for a bucket; 0 keeps data forever.
func RetentionChoices() []time.Duration {
	return []time.Duration{0, time.Hour, day, 3 * day, 7 * day, 14 * day, 30 * day, 90 * day, 365 * day}
}

// retentionOptions are the choices, and the present one if it is none of them.
func retentionOptions(now time.Duration) []time.Duration {
	choices := RetentionChoices()
	for _, c := range choices {
		if c == now {
			return choices
		}
	}
	return append(choices, now)
}

// retentionValue is a retention in a form: seconds.
func retentionValue(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// RetentionWords writes a retention for a person.
func RetentionWords(d time.Duration) string {
	switch {
	case d == 0:
		return "Forever"
	case d == 365*day:
		return "1 year"
	case d%day == 0:
		return plural(int(d/day), "day")
	case d%time.Hour == 0:
		return plural(int(d/time.Hour), "hour")
	default:
		return d.String()
	}
}

// Shorter tells whether changing a retention deletes data.
func Shorter(from, to time.Duration) bool { return to != 0 && (from == 0 || to < from) }

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return telemetry.FormatCount(n) + " " + word + "s"
}

// bucketType says what a bucket is for.
func (p BucketsPage) bucketType(b telemetry.Bucket) string {
	switch {
	case b.System:
		return "System"
	case b.Registry:
		return "Registrations"
	case b.Name == p.Database.Bucket:
		return "Device data"
	default:
		return "User"
	}
}

// showsBytes tells whether any disk use is known.
func (p BucketsPage) showsBytes() bool {
	for _, b := range p.Rows {
		if b.Bytes >= 0 {
			return true
		}
	}
	return false
}

// bytesWords writes a size for a person.
func bytesWords(n int64) string {
	switch {
	case n < 0:
		return "–"
	case n < 1000:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1000*1000:
		return telemetry.FormatNumber(float64(n)/1000, 1) + " KB"
	case n < 1000*1000*1000:
		return telemetry.FormatNumber(float64(n)/1000/1000, 1) + " MB"
	default:
		return telemetry.FormatNumber(float64(n)/1000/1000/1000, 2) + " GB"
	}
}

// bucketPath is the address at which a bucket's retention changes.
func bucketPath(b telemetry.Bucket) string { return "/buckets/" + pathEscape(b.ID) + "/retention" }
