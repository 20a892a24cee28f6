package devices

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"iotcenter/ledger"
)

// ProductType is what products of a type have in common: the defaults of their reads. What makes sense as a default is
// the SMART dialect's to say; here only sizes are bounded.
type ProductType struct {
	Name        string   // 1 to 64 of A-Z a-z 0-9 _ . - and spaces, from a letter or a digit on
	Measurement string   // "" is the dialect's own
	Fields      []string // nil: all
	Start       string   // an age such as "30d"; "" is the dialect's own
	UpdatedAt   time.Time
}

// Bounds of product types.
const (
	maxTypeName = 64      // bytes
	maxTypeText = 256     // bytes of a measurement, a field or a start
	maxTypeBody = 8 << 10 // bytes of all fields together
)

// typeBody is a ProductType in the ledger.
type typeBody struct {
	Measurement string    `json:"measurement,omitempty"`
	Fields      []string  `json:"fields,omitempty"`
	Start       string    `json:"start,omitempty"`
	UpdatedAt   time.Time `json:"updatedAt"`
}

// readType reads a document; false for one that is damaged, which counts as none.
func readType(e ledger.Entry) (ProductType, bool) {
	var b typeBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return ProductType{}, false
	}
	return ProductType{e.ID, b.Measurement, b.Fields, b.Start, b.UpdatedAt}, true
}

// Types lists the product types by name.
func (p *Profiles) Types() ([]ProductType, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	out := []ProductType{}
	for _, e := range p.ledger.All(kindProductType) {
		if t, ok := readType(e); ok {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b ProductType) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// Type gives one product type, or ErrNoSuchType.
func (p *Profiles) Type(name string) (ProductType, error) {
	if err := p.ready(); err != nil {
		return ProductType{}, err
	}
	if e, ok := p.ledger.Get(kindProductType, name); ok {
		if t, ok := readType(e); ok {
			return t, nil
		}
	}
	return ProductType{}, ErrNoSuchType
}

func (p *Profiles) hasType(name string) bool {
	_, err := p.Type(name)
	return err == nil
}

// PutType makes or replaces a product type; created tells which. One that is the same already is not written again.
// Errors: *InvalidProfileError, ErrTooMany.
func (p *Profiles) PutType(ctx context.Context, t ProductType) (out ProductType, created bool, err error) {
	if err := t.validate(); err != nil {
		return ProductType{}, false, err
	}
	unlock, err := p.define(ctx)
	if err != nil {
		return ProductType{}, false, err
	}
	defer unlock()
	types, err := p.Types()
	if err != nil {
		return ProductType{}, false, err
	}
	at := slices.IndexFunc(types, func(other ProductType) bool { return other.Name == t.Name })
	if at >= 0 && types[at].same(t) {
		return types[at], false, nil
	}
	if at < 0 && len(types) >= MaxTypes {
		return ProductType{}, false, fmt.Errorf("product types: %w", ErrTooMany)
	}
	if len(t.Fields) == 0 {
		t.Fields = nil
	}
	t.UpdatedAt = p.now()
	if err := p.write(ctx, kindProductType, t.Name, typeBody{t.Measurement, t.Fields, t.Start, t.UpdatedAt}); err != nil {
		return ProductType{}, false, err
	}
	out, err = p.Type(t.Name)
	return out, at < 0, err
}

// DeleteType removes a product type that no device has. Errors: ErrNoSuchType, *InUseError.
func (p *Profiles) DeleteType(ctx context.Context, name string) error {
	unlock, err := p.define(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if !p.hasType(name) {
		return ErrNoSuchType
	}
	n := 0
	for _, row := range p.rows() {
		if row.ProductType == name {
			n++
		}
	}
	if n > 0 {
		return &InUseError{n}
	}
	return p.ledger.Delete(ctx, kindProductType, name)
}

// define waits for the right to make and remove types and labels, and reads what other replicas wrote.
func (p *Profiles) define(ctx context.Context) (unlock func(), err error) {
	if unlock, err = p.defining.lock(ctx, ""); err != nil {
		return nil, err
	}
	if err := p.refresh(ctx); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

func (t ProductType) same(other ProductType) bool {
	return t.Name == other.Name && t.Measurement == other.Measurement && slices.Equal(t.Fields, other.Fields) && t.Start == other.Start
}

func (t ProductType) validate() error {
	bad := func(field, problem string) error { return &InvalidProfileError{field, problem} }
	switch name := t.Name; {
	case name == "":
		return bad("name", "A product type needs a name.")
	case len(name) > maxTypeName:
		return bad("name", fmt.Sprintf("The name of a product type has at most %d characters.", maxTypeName))
	case strings.ContainsFunc(name, func(c rune) bool { return c >= utf8.RuneSelf || !alnum(byte(c)) && !strings.ContainsRune("_ .-", c) }):
		return bad("name", "The name of a product type has letters, digits, spaces, and _ . - only.")
	case !alnum(name[0]), strings.HasSuffix(name, " "):
		return bad("name", "The name of a product type starts with a letter or a digit, and does not end with a space.")
	}
	if problem := textProblem("measurement", t.Measurement); problem != "" {
		return bad("measurement", problem)
	}
	if problem := textProblem("start", t.Start); problem != "" {
		return bad("start", problem)
	}
	total := 0
	for _, f := range t.Fields {
		if problem := textProblem("name of a field", f); problem != "" {
			return bad("fields", problem)
		}
		if f == "" {
			return bad("fields", "A field needs a name.")
		}
		total += len(f) + len(`"",`)
	}
	if total > maxTypeBody {
		return bad("fields", fmt.Sprintf("All fields of a product type together have at most %d bytes.", maxTypeBody))
	}
	return nil
}

// textProblem tells what is wrong with one of the texts of a product type; "" for nothing.
func textProblem(what, s string) string {
	switch {
	case len(s) > maxTypeText:
		return fmt.Sprintf("The %s has at most %d bytes.", what, maxTypeText)
	case !utf8.ValidString(s):
		return fmt.Sprintf("The %s is text in UTF-8.", what)
	}
	return ""
}
