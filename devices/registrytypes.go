package devices

import (
	"context"
	"log/slog"
	"time"
)

// RegistryOptions is what a Registry works with. Store, Auth and Sealer are needed; Clock and Log have defaults.
type RegistryOptions struct {
	Store  RecordStore
	Auth   Authorizer
	Sealer *Sealer
	Clock  func() time.Time
	Log    *slog.Logger
	Uses   Uses // optional: where the last uses of tokens are kept; without it they are lost at the end
	// Poll is how often Run reads what other replicas wrote when nobody asks; 0 where nobody else writes.
	Poll time.Duration
}

// UsesKind is the kind under which the last uses of device tokens are kept.
const UsesKind = "device"

// UsesBatch is the most uses of one PutUses.
const UsesBatch = 10_000

// Uses keeps when things, such as the tokens of devices, were last used. Its errors wrap ErrUnavailable where trying
// again can help.
type Uses interface {
	// PutUses writes last uses of a kind by id, at most UsesBatch of them.
	PutUses(ctx context.Context, kind string, uses map[string]time.Time) error
	// Uses gives the newest use of every id of a kind.
	Uses(ctx context.Context, kind string) (map[string]time.Time, error)
}

// SortKey is a column by which the list of devices can be sorted.
type SortKey string

// The sort keys; the empty one means SortID.
const (
	SortID      SortKey = "id"
	SortCreated SortKey = "created"
)

// ListOptions selects a page of the list of devices.
type ListOptions struct {
	Prefix string        // ids that start so; "" means all
	Sort   SortKey       // SortID if empty
	Desc   bool          // the other way round
	Offset int           // rows to skip; negative means none
	Limit  int           // rows at most; 0 or less means all
	Only   func(ID) bool // a further condition; nil means none
}

// ListPage is a page of the list of devices.
type ListPage struct {
	Devices []Device
	Total   int // matching devices on all pages
}

// EventKind says what happened to a device.
type EventKind string

// The kinds of event.
const (
	EventRegistered EventKind = "registered"
	EventRemoved    EventKind = "removed"
	EventLate       EventKind = "late"
	EventOffline    EventKind = "offline"
	EventSuspended  EventKind = "suspended"
	EventResumed    EventKind = "resumed"
	EventRotated    EventKind = "rotated"
)

// Event is something that happened to a device.
type Event struct {
	At     time.Time
	Kind   EventKind
	Device ID
	Detail string // a sentence for a person
}
