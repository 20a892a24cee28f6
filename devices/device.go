// Package devices is what a device is: its id, its registration, the life of
// its token, and when it was last seen. It knows no database and no page; the
// interfaces it needs from a store stand here, and package influx fills them.
package devices

import (
	"context"
	"errors"
	"time"
)

// VirtualDevice is the id of the emulated device that pages link to.
const VirtualDevice ID = "virtual_device"

// Errors of this room. Adapters translate theirs into these.
var (
	// ErrInvalidID: the text is no device id.
	ErrInvalidID = errors.New("invalid device id")
	// ErrNotFound: no such device, record or authorization.
	ErrNotFound = errors.New("device not found")
	// ErrUnavailable: the database cannot be reached or is not set up yet; trying again later can succeed.
	ErrUnavailable = errors.New("database unavailable")
	// ErrWrongKey: a sealed token cannot be opened with this SECRET_KEY.
	ErrWrongKey = errors.New("sealed with another SECRET_KEY")
)

// Device is a registered device as lists and pages see it; it holds no token.
type Device struct {
	ID        ID
	CreatedAt time.Time // registration time
	UpdatedAt time.Time // stamp of the newest record
	Key       string    // id of its InfluxDB authorization

	TokenAt    time.Time // when its token was minted
	PrevUntil  time.Time // when a replaced token ends that still works; zero: there is none
	Suspended  bool      // its authorizations are switched off
	EnrolledBy string    // id of the enrolment key that registered it; "" for none
}

// Record is one `deviceauth` point: a statement about a device at a time. The newest record of an id holds.
type Record struct {
	ID        ID
	Stamp     time.Time // nanoseconds; the point's time
	CreatedAt time.Time
	Key       string // authorization id; "" means unregistered (or not yet minted)
	Sealed    string // the token, sealed (see Sealer); "" when unregistered
	TokenHash string // keyed hash of the token, hex; "" when unregistered

	TokenAt time.Time // when the token was minted; the store gives the Stamp for old records that do not say it

	PrevKey   string    // the authorization that this one replaced, as long as it still works; "" for none
	PrevHash  string    // keyed hash of its token
	PrevUntil time.Time // when it ends; zero for none
	Leftover  string    // an authorization that is in nobody's use and still to be revoked; "" for none

	Suspended  bool   // the authorizations are switched off, or are about to be
	EnrolledBy string // id of the enrolment key that registered the device; a removal keeps it
}

// Registered tells whether the record says that the device has a token.
func (r Record) Registered() bool { return r.Key != "" }

// RecordStore keeps registration records in the auth bucket.
// Its errors wrap ErrUnavailable where trying again can help.
type RecordStore interface {
	// PutRecord writes one record; after it returns, reads on every replica see it.
	PutRecord(ctx context.Context, r Record) error
	// RecordsSince calls fn with every record stamped at or after since, oldest first, without their sealed tokens.
	// since zero means from the beginning. It streams; fn's error stops it.
	RecordsSince(ctx context.Context, since time.Time, fn func(Record) error) error
	// Record reads the newest record of exactly this id, sealed token included; ErrNotFound if there is none.
	Record(ctx context.Context, id ID) (Record, error)
}

// Authorization is a freshly minted InfluxDB authorization.
type Authorization struct {
	Key   string // its id
	Token string // shown by InfluxDB this once
}

// Authorizer mints and revokes device tokens: write permission to the data bucket and nothing else.
type Authorizer interface {
	// Mint makes an authorization described as `IoT Center: <id>`.
	Mint(ctx context.Context, id ID) (Authorization, error)
	// Revoke deletes an authorization; one that is gone already is no error.
	Revoke(ctx context.Context, key string) error
	// Exists tells whether the authorization is still there and active.
	Exists(ctx context.Context, key string) (bool, error)
	// SetActive switches an authorization on or off; one that is gone is no error. Writes with the token of one that
	// is off are refused.
	SetActive(ctx context.Context, key string, active bool) error
}

// Hours is the number of columns of a device's activity sparkline.
const Hours = 24

// ActivityStore tells when devices wrote. Every method is one query, whatever the number of ids.
type ActivityStore interface {
	// LastEntries gives the time of the newest point of each of ids that has one.
	LastEntries(ctx context.Context, ids []ID) (map[ID]time.Time, error)
	// HourlyCounts gives the points of each of ids in each of the 24 hours that end with now; the last is the current one.
	HourlyCounts(ctx context.Context, ids []ID, now time.Time) (map[ID][Hours]int, error)
	// SeenSince gives the last entry of every device that wrote at or after since; at most limit devices.
	SeenSince(ctx context.Context, since time.Time, limit int) (map[ID]time.Time, error)
	// EverSeen gives the ids of all devices that have any point; at most limit.
	EverSeen(ctx context.Context, limit int) (map[ID]struct{}, error)
	// MinuteCounts gives the number of points of all devices together in each whole minute from start (inclusive,
	// aligned) to stop (exclusive), oldest first.
	MinuteCounts(ctx context.Context, start, stop time.Time) ([]int, error)
	// DeleteData removes every point of the device from the data bucket.
	DeleteData(ctx context.Context, id ID) error
}

// State is how a device's last entry compares with the clock.
type State int

// States in the order in which pages list them.
const (
	Online    State = iota // an entry within LateAfter
	Late                   // within OfflineAfter
	Offline                // older
	Never                  // no entry at all
	Suspended              // its authorization is switched off, whatever its last entry
)

// Thresholds of State.
const (
	LateAfter    = 5 * time.Minute
	OfflineAfter = 15 * time.Minute
)

// StateAt judges a last entry; the zero time means that there is none.
func StateAt(last, now time.Time) State {
	switch age := now.Sub(last); {
	case last.IsZero():
		return Never
	case age < LateAfter:
		return Online
	case age < OfflineAfter:
		return Late
	default:
		return Offline
	}
}

// StateAt judges the device by its last entry at a time; the zero time means that there is none.
func (d Device) StateAt(last, now time.Time) State {
	if d.Suspended {
		return Suspended
	}
	return StateAt(last, now)
}

// String is the state's name in URLs and CSS classes: online, late, offline, never, suspended.
func (s State) String() string {
	return [...]string{"online", "late", "offline", "never", "suspended"}[s]
}
