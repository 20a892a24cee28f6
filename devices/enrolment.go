package devices

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"iotcenter/ledger"
)

// ErrNotEnrolled: the device may not have a configuration now; what was missing is nobody's business.
var ErrNotEnrolled = errors.New("not enrolled")

// EnrolmentOptions is what an Enrolment works with. Registry, Ledger, Inbox and Sealer are needed.
type EnrolmentOptions struct {
	Registry *Registry
	Ledger   *ledger.Ledger
	Inbox    InboxStore
	Sealer   *Sealer
	Clock    func() time.Time
	Log      *slog.Logger
}

// Enrolment is the doors by which a device that brings no token of its own becomes known: an enrolment key, a window
// that an operator opened for minutes, or an approval. It is safe for concurrent use.
type Enrolment struct{ EnrolmentOptions }

// NewEnrolment makes it; run Run beside it.
func NewEnrolment(o EnrolmentOptions) *Enrolment { panic("not written yet") }

// Run keeps the inbox in step with the other replicas until ctx ends; then it writes what is left.
func (e *Enrolment) Run(ctx context.Context) error { panic("not written yet") }

// Ask is a device that wants its configuration and brings no token of its own.
type Ask struct {
	ID       ID
	Key      string // enrolment key; "" for none
	Address  string // of the client, without port
	Register bool   // false: it only asks, and is not to be registered (?register=false)
}

// Grant is a device with its token.
type Grant struct {
	Device  Device
	Token   string
	Created bool   // it was registered just now
	By      string // "key <id>", "window" or "approval", for the audit log
}

// Grant answers a device, or errs with ErrNotEnrolled, after noting an unknown device in the inbox (and a known one
// while the window is open). ErrSuspended, ErrInvalidID.
func (e *Enrolment) Grant(ctx context.Context, a Ask) (Grant, error) { panic("not written yet") }

// EnrolmentKey is a key that registers devices; never the secret.
type EnrolmentKey struct {
	ID        string
	Name      string
	Hint      string // the last four characters of the secret
	Pattern   string // ids that it may enrol, such as greenhouse-*; "" means any
	Most      int    // devices that it may enrol
	Used      int    // devices that it has enrolled
	CreatedAt time.Time
	CreatedBy string
	ExpiresAt time.Time // no new devices from then on; the enrolled ones still get their configuration
}

// MakeKey makes an enrolment key of name, pattern, most and expiry; secret is shown once and kept nowhere.
// *InvalidKeyError.
func (e *Enrolment) MakeKey(ctx context.Context, k EnrolmentKey) (made EnrolmentKey, secret string, err error) {
	panic("not written yet")
}

// InvalidKeyError tells what is wrong with the wanted key.
type InvalidKeyError struct {
	Field   string // name, pattern, most or expires
	Problem string // a sentence for the person
}

func (e *InvalidKeyError) Error() string { return e.Problem }

// Keys lists the keys that are not revoked, newest first.
func (e *Enrolment) Keys(ctx context.Context) ([]EnrolmentKey, error) { panic("not written yet") }

// RevokeKey ends a key at once, for the devices that it enrolled as well; their tokens go on working. ErrNotFound.
func (e *Enrolment) RevokeKey(ctx context.Context, id string) error { panic("not written yet") }

// Window is the time in which unknown devices enrol by asking.
type Window struct {
	Until time.Time // zero, or past: closed
	By    string
}

// LongestWindow is how long a window can be open.
const LongestWindow = time.Hour

// Window gives the window as it is known here; it asks nobody.
func (e *Enrolment) Window() Window { panic("not written yet") }

// Open opens the window for a while, at most LongestWindow; Shut closes it.
func (e *Enrolment) Open(ctx context.Context, by string, d time.Duration) error {
	panic("not written yet")
}

// Shut closes the window.
func (e *Enrolment) Shut(ctx context.Context) error { panic("not written yet") }

// Applicant is a device that waits for approval.
type Applicant struct {
	ID          ID
	Address     string
	First, Last time.Time
	Count       int
	Known       bool // a registered device without its token: approving rotates it
}

// Bounds of the inbox.
const (
	InboxSize       = 1000           // entries
	InboxPerAddress = 10             // entries of one address (of one /64 with IPv6)
	InboxAge        = 24 * time.Hour // after its last request an entry goes
	ApprovalLife    = 15 * time.Minute
)

// InboxStore keeps the inbox in InboxSize places; it is one series of as many points.
type InboxStore interface {
	// PutApplicants writes places; an Applicant without an ID empties its place.
	PutApplicants(ctx context.Context, places map[int]Applicant) error
	// Applicants gives the places that are taken.
	Applicants(ctx context.Context) (map[int]Applicant, error)
}

// Waiting lists the applicants of all replicas, newest first.
func (e *Enrolment) Waiting(ctx context.Context) ([]Applicant, error) { panic("not written yet") }

// WaitingCount is their number as it is known here; it asks nobody.
func (e *Enrolment) WaitingCount() int { panic("not written yet") }

// Approve lets the next request of the device from this address have its configuration, once, within ApprovalLife.
// ErrNotFound: no such applicant.
func (e *Enrolment) Approve(ctx context.Context, by string, id ID, address string) error {
	panic("not written yet")
}

// Dismiss takes an applicant out of the inbox. ErrNotFound.
func (e *Enrolment) Dismiss(ctx context.Context, id ID, address string) error {
	panic("not written yet")
}
