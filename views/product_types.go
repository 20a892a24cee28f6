package views

import (
	"net/url"
	"strings"

	"iotcenter/devices"
)

// ProductTypesPage is the list of product types and the form for one of them.
type ProductTypesPage struct {
	Shell
	Rows []devices.ProductType
	Form ProductTypeForm
}

// ProductTypeForm is a product type as it was typed, with what is wrong.
type ProductTypeForm struct {
	Name, Measurement, Fields, Start string
	Change                           bool // of a type that there is; its name stays

	NameProblem, MeasurementProblem, FieldsProblem, StartProblem string
}

// NewProductTypeForm is the form for a type that there is.
func NewProductTypeForm(t devices.ProductType) ProductTypeForm {
	return ProductTypeForm{Name: t.Name, Measurement: t.Measurement, Fields: strings.Join(t.Fields, ", "), Start: t.Start, Change: true}
}

// Blame puts a problem beside the field that has it.
func (f *ProductTypeForm) Blame(field, problem string) {
	switch field {
	case "measurement":
		f.MeasurementProblem = problem
	case "fields":
		f.FieldsProblem = problem
	case "start":
		f.StartProblem = problem
	default:
		f.NameProblem = problem
	}
}

func (f ProductTypeForm) title() string {
	if f.Change {
		return "Change " + Visible(f.Name)
	}
	return "New product type"
}

// RemoveProductTypePage asks before a product type is removed.
type RemoveProductTypePage struct {
	Shell
	Name string
}

// ProductTypePath is the address at which a product type is changed.
func ProductTypePath(name string) string { return "/product-types?type=" + url.QueryEscape(name) }

// RemoveProductTypePath is the address of the question before a product type's removal.
func RemoveProductTypePath(name string) string {
	return "/product-types/" + url.PathEscape(name) + "/remove"
}

// orOwn shows that the dialect's own default holds.
func orOwn(text, own string) string {
	if text == "" {
		return own
	}
	return Visible(text)
}
