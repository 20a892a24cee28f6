package devices

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Errors of profiles.
var (
	// ErrNoSuchType: no product type of this name.
	ErrNoSuchType = errors.New("product type not found")
	// ErrNoSuchLabel: no label of this id.
	ErrNoSuchLabel = errors.New("label not found")
	// ErrTooMany: a bound on what people can make is reached.
	ErrTooMany = errors.New("too many")
	// ErrInUse: devices have it, so that it cannot be removed. *InUseError says how many.
	ErrInUse = errors.New("in use")
)

// Bounds of profiles.
const (
	MaxName        = 200      // bytes of a name
	MaxAttributes  = 16 << 10 // bytes of all attributes of a device, as compact JSON
	MaxDepth       = 32       // arrays and objects within each other in attributes
	MaxTypes       = 500
	MaxLabels      = 1000
	MaxLabelsOfOne = 100 // labels of one device
)

// InvalidProfileError says what is wrong with a part of a profile, a product type or a label.
type InvalidProfileError struct {
	Field   string // name, attributes, labels, measurement, fields or start
	Problem string // a sentence for a person
}

func (e *InvalidProfileError) Error() string { return e.Problem }

// InUseError says how many devices have what is to be removed. It matches ErrInUse.
type InUseError struct{ Devices int }

func (e *InUseError) Error() string {
	if e.Devices == 1 {
		return "One device has it."
	}
	return fmt.Sprintf("%d devices have it.", e.Devices)
}

// Is makes errors.Is(err, ErrInUse) true.
func (e *InUseError) Is(target error) bool { return target == ErrInUse }

// Profile is what people say about a device. The zero Profile is that of a device of which nobody said anything.
type Profile struct {
	Name        string
	ProductType string
	Attributes  json.RawMessage // a JSON object; nil for {}. The Helium dialect calls it metadata
	Labels      []uuid.UUID     // sorted
	UpdatedAt   time.Time       // zero for the zero Profile
}

// clone is a copy that shares nothing with p.
func (p Profile) clone() Profile {
	p.Attributes, p.Labels = bytes.Clone(p.Attributes), slices.Clone(p.Labels)
	return p
}

// same tells whether two profiles that were tidied say the same, whenever they were changed.
func (p Profile) same(other Profile) bool {
	return p.Name == other.Name && p.ProductType == other.ProductType &&
		bytes.Equal(p.Attributes, other.Attributes) && slices.Equal(p.Labels, other.Labels)
}

// tidy brings a profile into the form in which it is kept, or tells what is wrong with it. Whether its type and its labels
// exist is not looked at.
func (p Profile) tidy() (Profile, error) {
	var err error
	if p.Name, err = tidyName(p.Name); err != nil {
		return Profile{}, err
	}
	if p.Attributes, err = tidyAttributes(p.Attributes); err != nil {
		return Profile{}, err
	}
	slices.SortFunc(p.Labels, compareUUIDs)
	p.Labels = slices.Compact(p.Labels)
	if len(p.Labels) > MaxLabelsOfOne {
		return Profile{}, &InvalidProfileError{"labels", fmt.Sprintf("A device has at most %d labels.", MaxLabelsOfOne)}
	}
	return p, nil
}

func compareUUIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

// tidyName trims a name of a device or a label, which may be empty.
func tidyName(name string) (string, error) {
	bad := func(problem string) (string, error) { return "", &InvalidProfileError{"name", problem} }
	if !utf8.ValidString(name) {
		return bad("A name is text in UTF-8.")
	}
	name = strings.TrimSpace(name)
	switch {
	case len(name) > MaxName:
		return bad(fmt.Sprintf("A name has at most %d bytes; this one has %d.", MaxName, len(name)))
	case strings.ContainsFunc(name, misleads):
		return bad("A name has no control characters.")
	}
	return name, nil
}

// misleads tells of a character that does not show and changes how the text around it looks: a control character, a
// line separator, or one that turns the direction of writing.
func misleads(c rune) bool {
	return unicode.IsControl(c) || unicode.In(c, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
