package devices

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"iotcenter/ledger"
)

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

// approvalBody is an approval in the ledger.
type approvalBody struct {
	By string `json:"by"`
}

// approvalName is the id of an approval in the ledger: neither part has a space.
func approvalName(id ID, address string) string { return string(id) + " " + address }

// noAddress stands for one that is no IP address.
const noAddress = "unknown"

// addressOf writes an address in the one form in which addresses are compared.
func addressOf(s string) string {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return noAddress
	}
	return ip.Unmap().WithZone("").String()
}

// groupOf is what counts as one address in the inbox: whoever has an IPv6 address has a whole /64 of them.
func groupOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Is4() {
		return address
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// neighbourhoodOf is the network that an address is in: the /16 of IPv4, the /48 of IPv6. Who floods the inbox from many
// addresses has them there.
func neighbourhoodOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	bits := 48
	if ip.Is4() {
		bits = 16
	}
	return netip.PrefixFrom(ip, bits).Masked().String()
}

// Waiting lists the applicants of all replicas, newest first.
func (e *Enrolment) Waiting(ctx context.Context) ([]Applicant, error) {
	e.waiting.look()
	if err := e.sync(ctx, false); err != nil {
		return nil, err
	}
	list := e.waiting.list()
	for i, a := range list {
		_, _, list[i].Known = e.Registry.model.device(a.ID)
	}
	return list, nil
}

// WaitingCount is their number as it is known here; it asks nobody.
func (e *Enrolment) WaitingCount() int {
	e.waiting.look()
	return e.waiting.count(e.Clock())
}

// Approve lets the next request of the device from this address have its configuration, once, within ApprovalLife.
// ErrNotFound: no such applicant.
func (e *Enrolment) Approve(ctx context.Context, by string, id ID, address string) error {
	address = addressOf(address)
	if err := e.find(ctx, id, address); err != nil {
		return err
	}
	body, err := json.Marshal(approvalBody{by})
	if err != nil {
		return fmt.Errorf("writing the approval: %w", err)
	}
	until := e.Clock().UTC().Round(0).Add(ApprovalLife)
	if err := e.Ledger.Put(ctx, ledger.Entry{Kind: kindApproval, ID: approvalName(id, address), Until: until, Body: body}); err != nil {
		return err
	}
	e.takeOut(ctx, id, address)
	return nil
}

// Dismiss takes an applicant out of the inbox. ErrNotFound.
func (e *Enrolment) Dismiss(ctx context.Context, id ID, address string) error {
	address = addressOf(address)
	if err := e.find(ctx, id, address); err != nil {
		return err
	}
	e.takeOut(ctx, id, address)
	return nil
}

// find looks for an applicant, also among those of other replicas.
func (e *Enrolment) find(ctx context.Context, id ID, address string) error {
	if e.waiting.has(id, address) {
		return nil
	}
	if err := e.sync(ctx, false); err != nil {
		return err
	}
	if !e.waiting.has(id, address) {
		return ErrNotFound
	}
	return nil
}

// takeOut removes an applicant here at once, and on other replicas as soon as the database knows.
func (e *Enrolment) takeOut(ctx context.Context, id ID, address string) {
	e.waiting.remove(id, address, e.Clock())
	if err := e.sync(ctx, true); err != nil {
		e.Log.Warn("an applicant is out of the inbox here and not yet in the database; it will be tried again", "device", id, "error", err)
	}
}

// syncEvery is the least time between two writes of the inbox that strangers cause.
const syncEvery = 2 * time.Second

// sync brings the inbox here and its places in the database together; write tells whether to write what is new here.
func (e *Enrolment) sync(ctx context.Context, write bool) error {
	unlock, err := e.syncing.lock(ctx, "")
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := e.Inbox.Applicants(ctx)
	if err != nil {
		return fmt.Errorf("reading the approval inbox: %w", err)
	}
	changes := e.waiting.merge(stored, e.Clock())
	if !write {
		return nil
	}
	if len(changes) > 0 {
		if err := e.Inbox.PutApplicants(ctx, changes); err != nil {
			return fmt.Errorf("writing the approval inbox: %w", err)
		}
	}
	e.waiting.stored()
	return nil
}
