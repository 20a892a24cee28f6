package devices

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"iotcenter/ledger"
)

// Label is a group of devices. Two labels may have the same name.
type Label struct {
	ID                   uuid.UUID
	Name                 string // 1 to MaxName bytes
	CreatedAt, UpdatedAt time.Time
}

// labelBatch is how many profiles are written at once when a label is removed.
const labelBatch = 500

// labelBody is a Label in the ledger.
type labelBody struct {
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// readLabel reads a document; false for one that is damaged, which counts as none.
func readLabel(e ledger.Entry) (Label, bool) {
	var b labelBody
	u, ok := literalUUID(ID(e.ID))
	if err := json.Unmarshal(e.Body, &b); err != nil || !ok {
		return Label{}, false
	}
	return Label{u, b.Name, b.CreatedAt, b.UpdatedAt}, true
}

// Labels lists the labels by name and id.
func (p *Profiles) Labels() ([]Label, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	out := []Label{}
	for _, e := range p.ledger.All(kindLabel) {
		if l, ok := readLabel(e); ok {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b Label) int { return cmp.Or(cmp.Compare(a.Name, b.Name), compareUUIDs(a.ID, b.ID)) })
	return out, nil
}

// Label gives one label, or ErrNoSuchLabel.
func (p *Profiles) Label(id uuid.UUID) (Label, error) {
	if err := p.ready(); err != nil {
		return Label{}, err
	}
	if e, ok := p.ledger.Get(kindLabel, id.String()); ok {
		if l, ok := readLabel(e); ok {
			return l, nil
		}
	}
	return Label{}, ErrNoSuchLabel
}

func (p *Profiles) hasLabel(id uuid.UUID) bool {
	_, err := p.Label(id)
	return err == nil
}

// MakeLabel makes a label with a random id. Errors: *InvalidProfileError, ErrTooMany.
func (p *Profiles) MakeLabel(ctx context.Context, name string) (Label, error) {
	name, err := labelName(name)
	if err != nil {
		return Label{}, err
	}
	unlock, err := p.define(ctx)
	if err != nil {
		return Label{}, err
	}
	defer unlock()
	labels, err := p.Labels()
	if err != nil {
		return Label{}, err
	}
	if len(labels) >= MaxLabels {
		return Label{}, fmt.Errorf("labels: %w", ErrTooMany)
	}
	now := p.now()
	l := Label{uuid.New(), name, now, now}
	return l, p.write(ctx, kindLabel, l.ID.String(), labelBody{l.Name, l.CreatedAt, l.UpdatedAt})
}

// RenameLabel names a label anew. Errors: *InvalidProfileError, ErrNoSuchLabel.
func (p *Profiles) RenameLabel(ctx context.Context, id uuid.UUID, name string) (Label, error) {
	name, err := labelName(name)
	if err != nil {
		return Label{}, err
	}
	unlock, err := p.define(ctx)
	if err != nil {
		return Label{}, err
	}
	defer unlock()
	l, err := p.Label(id)
	if err != nil || l.Name == name {
		return l, err
	}
	l.Name, l.UpdatedAt = name, p.now()
	if err := p.write(ctx, kindLabel, id.String(), labelBody{l.Name, l.CreatedAt, l.UpdatedAt}); err != nil {
		return Label{}, err
	}
	return p.Label(id)
}

func labelName(name string) (string, error) {
	name, err := tidyName(name)
	if err == nil && name == "" {
		err = &InvalidProfileError{"name", "A label needs a name."}
	}
	return name, err
}

// DeleteLabel removes a label from all devices and then itself. Should it fail on the way, calling it again completes it.
// ErrNoSuchLabel.
func (p *Profiles) DeleteLabel(ctx context.Context, id uuid.UUID) error {
	if err := p.refresh(ctx); err != nil {
		return err
	}
	for range attempts {
		ids, err := p.Labelled(id)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(ids, labelBatch) {
			if err := p.unlabel(ctx, id, some); err != nil {
				return err
			}
		}
		if done, err := p.deleteUnused(ctx, id); err != nil || done {
			return err
		}
	}
	return errLabelling
}

// errLabelling is given when devices keep getting a label that is being removed.
var errLabelling = fmt.Errorf("the label is being given to devices at this moment: %w", ErrUnavailable)

// deleteUnused deletes a label, unless devices have got it meanwhile.
func (p *Profiles) deleteUnused(ctx context.Context, id uuid.UUID) (done bool, err error) {
	unlock, err := p.define(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	if ids, err := p.Labelled(id); err != nil || len(ids) > 0 {
		return false, err
	}
	return true, p.ledger.Delete(ctx, kindLabel, id.String())
}

// unlabel takes a label from devices, which are sorted: whoever locks several of them does it in this order.
func (p *Profiles) unlabel(ctx context.Context, label uuid.UUID, ids []ID) error {
	var entries []ledger.Entry
	for _, id := range ids {
		unlock, err := p.changing.lock(ctx, id)
		if err != nil {
			return err
		}
		defer unlock()
		profile, err := p.Profile(id)
		if err != nil {
			return err
		}
		at, has := slices.BinarySearchFunc(profile.Labels, label, compareUUIDs)
		if !has {
			continue
		}
		profile.Labels, profile.UpdatedAt = slices.Delete(profile.Labels, at, at+1), p.now()
		e, err := document(kindProfile, string(id), profileBody(profile))
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil
	}
	return p.ledger.Put(ctx, entries...)
}

// Labelled gives the devices that have a label, by id. ErrNoSuchLabel.
func (p *Profiles) Labelled(id uuid.UUID) ([]ID, error) {
	if _, err := p.Label(id); err != nil {
		return nil, err
	}
	out := []ID{}
	for _, row := range p.rows() {
		if _, has := slices.BinarySearchFunc(row.Labels, id, compareUUIDs); has {
			out = append(out, row.id)
		}
	}
	return out, nil
}
