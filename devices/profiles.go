package devices

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"iotcenter/ledger"
)

// Kinds of documents in the ledger.
const (
	kindProfile     = "profile"     // by the device's id
	kindProductType = "producttype" // by name
	kindLabel       = "label"       // by its UUID
)

// Profiles keeps profiles, product types and labels in the ledger, so that every replica knows them. Errors wrap
// ErrUnavailable where trying again can help, ledger.ErrNotLoaded before the first load. It is safe for concurrent use.
//
// Answers come from memory, and a change reads what the other replicas wrote before it. Two changes of one device at the
// same instant on two replicas are not kept apart: one of them holds, whole. A removal holds against both.
type Profiles struct {
	ledger *ledger.Ledger
	clock  func() time.Time

	changing keyedMutex // devices whose profile is changed
	// defining is held (under "") by whoever makes or removes a type or a label, or gives one to a device: what a device
	// gets has to be there, and there is a number of them. Whoever has both locks has taken changing first.
	defining keyedMutex

	building sync.Mutex
	table    atomic.Pointer[profileTable]
}

// NewProfiles makes them.
func NewProfiles(l *ledger.Ledger, clock func() time.Time) *Profiles {
	return &Profiles{ledger: l, clock: clock}
}

// profileBody is a Profile in the ledger.
type profileBody struct {
	Name        string          `json:"name,omitempty"`
	ProductType string          `json:"type,omitempty"`
	Attributes  json.RawMessage `json:"attributes,omitempty"`
	Labels      []uuid.UUID     `json:"labels,omitempty"`
	UpdatedAt   time.Time       `json:"updatedAt"`
}

// readProfile reads a document; false for one that is damaged, which counts as none.
func readProfile(e ledger.Entry) (Profile, bool) {
	var b profileBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return Profile{}, false
	}
	if len(b.Attributes) > 0 && b.Attributes[0] != '{' {
		return Profile{}, false
	}
	slices.SortFunc(b.Labels, compareUUIDs)
	return Profile(b), true
}

// document writes a body as JSON in which every character stands as it is.
func document(kind, id string, body any) (ledger.Entry, error) {
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	if err := to.Encode(body); err != nil {
		return ledger.Entry{}, fmt.Errorf("writing a %s: %w", kind, err)
	}
	return ledger.Entry{Kind: kind, ID: id, Body: bytes.TrimSuffix(out.Bytes(), []byte("\n"))}, nil
}

// Profile gives a device's profile from memory; the zero Profile if there is none.
func (p *Profiles) Profile(id ID) (Profile, error) {
	if err := p.ready(); err != nil {
		return Profile{}, err
	}
	e, ok := p.ledger.Get(kindProfile, string(id))
	if !ok {
		return Profile{}, nil
	}
	profile, _ := readProfile(e)
	return p.existing(profile, p.hasType, p.hasLabel), nil
}

// existing is a profile without a type and labels that are gone: one replica may give to a device what another removes
// at the same moment.
func (p *Profiles) existing(profile Profile, hasType func(string) bool, hasLabel func(uuid.UUID) bool) Profile {
	if profile.ProductType != "" && !hasType(profile.ProductType) {
		profile.ProductType = ""
	}
	gone := func(u uuid.UUID) bool { return !hasLabel(u) }
	if slices.ContainsFunc(profile.Labels, gone) {
		profile.Labels = slices.DeleteFunc(slices.Clone(profile.Labels), gone)
	}
	return profile
}

// Change changes a device's profile; change gets a copy of what holds. Whether the device is registered is the caller's
// to know. Errors: *InvalidProfileError, ErrNoSuchType, ErrNoSuchLabel, ErrNotFound (the device's profile was forgotten
// at this moment), and what change returns. A change that changes nothing writes nothing.
func (p *Profiles) Change(ctx context.Context, id ID, change func(*Profile) error) (Profile, error) {
	unlock, err := p.changing.lock(ctx, id)
	if err != nil {
		return Profile{}, err
	}
	defer unlock()
	if err := p.refresh(ctx); err != nil {
		return Profile{}, err
	}
	base, err := p.Profile(id)
	if err != nil {
		return Profile{}, err
	}
	next := base.clone()
	if err := change(&next); err != nil {
		return Profile{}, err
	}
	if next, err = next.tidy(); err != nil {
		return Profile{}, err
	}
	if next.same(base) {
		return base, nil
	}
	if next.ProductType != base.ProductType || !slices.Equal(next.Labels, base.Labels) {
		unlock, err := p.defining.lock(ctx, "")
		if err != nil {
			return Profile{}, err
		}
		defer unlock()
		if err := p.check(next); err != nil {
			return Profile{}, err
		}
	}
	next.UpdatedAt = p.now()
	if err := p.write(ctx, kindProfile, string(id), profileBody(next)); err != nil {
		return Profile{}, err
	}
	if _, ok := p.ledger.Get(kindProfile, string(id)); !ok {
		return Profile{}, ErrNotFound
	}
	return p.Profile(id)
}

// check tells whether the type and the labels of a profile are there. The caller holds defining.
func (p *Profiles) check(profile Profile) error {
	if profile.ProductType != "" && !p.hasType(profile.ProductType) {
		return ErrNoSuchType
	}
	for _, u := range profile.Labels {
		if !p.hasLabel(u) {
			return ErrNoSuchLabel
		}
	}
	return nil
}

// write puts a document, which replaces the one that is known here, but not what another replica makes of that one at this moment.
func (p *Profiles) write(ctx context.Context, kind, id string, body any) error {
	e, err := document(kind, id, body)
	if err != nil {
		return err
	}
	if _, known := p.ledger.Get(kind, id); known {
		return p.ledger.Amend(ctx, e)
	}
	return p.ledger.Put(ctx, e)
}

// Forget removes what is known of a device that was removed.
func (p *Profiles) Forget(ctx context.Context, id ID) error {
	unlock, err := p.changing.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if err := p.refresh(ctx); err != nil {
		return err
	}
	return p.ledger.Delete(ctx, kindProfile, string(id))
}

// Matching calls fn with every device that has a profile, in no order, until it returns false. Nothing is locked
// meanwhile. The profile is lent: fn may keep it, and must not change what its slices hold.
func (p *Profiles) Matching(fn func(ID, Profile) bool) error {
	if err := p.ready(); err != nil {
		return err
	}
	types, labels := make(map[string]bool), make(map[uuid.UUID]bool)
	for _, e := range p.ledger.All(kindProductType) {
		if t, ok := readType(e); ok {
			types[t.Name] = true
		}
	}
	for _, e := range p.ledger.All(kindLabel) {
		if l, ok := readLabel(e); ok {
			labels[l.ID] = true
		}
	}
	hasType := func(name string) bool { return types[name] }
	hasLabel := func(u uuid.UUID) bool { return labels[u] }
	for _, row := range p.rows() {
		if !row.damaged && !fn(row.id, p.existing(row.Profile, hasType, hasLabel)) {
			break
		}
	}
	return nil
}

// ready is nil once the ledger is loaded.
func (p *Profiles) ready() error {
	if err := p.ledger.Ready(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// refresh reads what other replicas wrote before the call.
func (p *Profiles) refresh(ctx context.Context) error {
	if err := p.ready(); err != nil || p.ledger.Poll <= 0 { // there are no others
		return err
	}
	return p.ledger.Refresh(ctx)
}

// now is the time as documents keep it.
func (p *Profiles) now() time.Time { return p.clock().UTC().Round(0) }
