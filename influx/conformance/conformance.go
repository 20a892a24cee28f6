// Package conformance says what the stores must do, as tests: the same for every database that the app can run on.
// Its functions want a database that holds nothing else, unless they say otherwise.
package conformance

import (
	"context"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/people"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// Database is everything that a database of the app is.
type Database interface {
	devices.RecordStore
	devices.Authorizer
	devices.ActivityStore
	telemetry.Writer
	telemetry.Reader
	telemetry.BucketStore
	emulator.RunStore
	LedgerStore
	people.EventStore
	people.UseStore
	devices.InboxStore
	helium.Store
}

// Subject is a database under test.
type Subject struct {
	DB Database
	// Write puts line protocol (nanoseconds) into the data bucket, past the stores.
	Write func(lines ...string)
	// Try does a request with a device's token at the database's API and gives the HTTP status and the answer.
	Try func(token, method, path, body string) (status int, answer string)
	// Org, Bucket and AuthBucket are the names in use.
	Org, Bucket, AuthBucket string
}

// limit is how long one test may take.
const limit = 2 * time.Minute

func start(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// moment is a whole hour two days ago: all that a test writes lies in the past and within one day.
func moment() time.Time { return time.Now().UTC().Truncate(time.Hour).Add(-48 * time.Hour) }

// texts are what must come back as it went in, wherever a store takes any text.
var texts = []string{
	"plain", " spaces ", `"`, `'`, `\`, `\"`, `\\`, `ends with \`, ",", "=", "a,b=c d", "a\nb", "a\r\nb\r", "a\tb", "\x00", "a\x00b", "\x7f", "\x1b[31m",
	"'; DROP MEASUREMENT ledger; --", `" OR 1=1 --`, "/.+/", "$1", "${x}", "<script>alert(1)</script>", "# no comment", "ü€😀", "\u2028\u202e", "\ufffd", "null",
	`{"a":["b",1,null]}`, strings.Repeat("long ", 700),
}

// line is a point in line protocol. Its parts are trusted.
func line(measurement, tags, fields string, at time.Time) string {
	head := measurement
	if tags != "" {
		head += "," + tags
	}
	return strings.Join([]string{head, fields, itoa(at.UnixNano())}, " ")
}
