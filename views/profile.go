package views

import (
	"bytes"
	"encoding/json"
	"slices"

	"iotcenter/devices"
)

// ProfileForm is what people say about a device: as it holds, or as it was typed with what is wrong.
type ProfileForm struct {
	Name, ProductType string
	Attributes        string   // JSON
	Labels            []string // names; they are shown, and changed by programs
	Types             []string // the product types that there are
	Saved             string   // the name that holds, whatever was typed

	NameProblem, TypeProblem, AttributesProblem string
}

// NewProfileForm shows a profile. types and labels are all that there are.
func NewProfileForm(p devices.Profile, types []devices.ProductType, labels []devices.Label) ProfileForm {
	f := ProfileForm{Name: p.Name, Saved: p.Name, ProductType: p.ProductType, Attributes: indented(p.Attributes)}
	for _, t := range types {
		f.Types = append(f.Types, t.Name)
	}
	for _, l := range labels {
		if slices.Contains(p.Labels, l.ID) {
			f.Labels = append(f.Labels, l.Name)
		}
	}
	return f
}

// choices are the product types to choose from; the one of the device is always there.
func (f ProfileForm) choices() []string {
	if f.ProductType == "" || slices.Contains(f.Types, f.ProductType) {
		return f.Types
	}
	return append(slices.Clip(f.Types), f.ProductType)
}

// indented writes JSON for people; "" for nothing, and what is no JSON as it is.
func indented(value json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, value, "", "  ") != nil {
		return string(value)
	}
	return b.String()
}

// ProfilePath is the address at which a device's name, type and attributes change.
func ProfilePath(id devices.ID) string { return deviceBase(id) + "/profile" }
