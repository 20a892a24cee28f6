package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry/smart"
	"iotcenter/views"
)

// productTypeRoutes are the types of products, for operators.
func (s *Server) productTypeRoutes() {
	s.get("/product-types", managing, s.html(s.showProductTypes))
	s.post("/product-types", managing, s.html(s.saveProductType))
	s.get("/product-types/{name}/remove", managing, s.html(s.askRemoveProductType))
	s.post("/product-types/{name}/remove", managing, s.html(s.dropProductType))
}

// showProductTypes lists the types; ?type=<name> changes one of them.
func (s *Server) showProductTypes(w http.ResponseWriter, r *http.Request) error {
	var form views.ProductTypeForm
	if name := r.URL.Query().Get("type"); name != "" {
		t, err := s.Profiles.Type(name)
		if err != nil {
			return err
		}
		form = views.NewProductTypeForm(t)
	}
	return s.productTypesPage(w, r, http.StatusOK, form)
}

func (s *Server) productTypesPage(w http.ResponseWriter, r *http.Request, status int, form views.ProductTypeForm) error {
	types, err := s.Profiles.Types()
	if err != nil {
		return err
	}
	page := views.ProductTypesPage{Shell: s.shell(w, r, "Product types", "product-types"), Rows: types, Form: form}
	return s.render(w, r, status, views.ProductTypes(page))
}

// saveProductType makes a type, or changes the one that the form is for.
func (s *Server) saveProductType(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	text := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	t := devices.ProductType{Name: text("name"), Measurement: text("measurement"), Fields: fieldList(text("fields")), Start: text("start")}
	form := views.ProductTypeForm{Name: t.Name, Measurement: t.Measurement, Fields: text("fields"), Start: t.Start, Change: text("change") != ""}
	created, err := s.keepProductType(r, t, form.Change)
	s.record(r, people.ActionType, t.Name, err)
	var invalid *devices.InvalidProfileError
	switch {
	case errors.As(err, &invalid):
		form.Blame(invalid.Field, invalid.Problem)
		return s.productTypesPage(w, r, http.StatusUnprocessableEntity, form)
	case err != nil:
		return err
	}
	words := "Product type %s is changed."
	if created {
		words = "Product type %s is added."
	}
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Text: fmt.Sprintf(words, t.Name), Mark: t.Name})
	return seeOther(w, "/product-types")
}

// keepProductType keeps a type if it makes sense. Only a form that is for a change replaces one.
func (s *Server) keepProductType(r *http.Request, t devices.ProductType, change bool) (created bool, err error) {
	if _, err := s.Profiles.Type(t.Name); err == nil && !change {
		return false, &devices.InvalidProfileError{Field: "name", Problem: "There is a product type of this name already."}
	} else if err != nil && !errors.Is(err, devices.ErrNoSuchType) {
		return false, err
	}
	var bad *smart.BadRequestError
	if err := smart.CheckDefaults(smart.Defaults{Measurement: t.Measurement, Fields: t.Fields, Start: t.Start}); errors.As(err, &bad) {
		return false, &devices.InvalidProfileError{Field: bad.Where, Problem: bad.Problem}
	} else if err != nil {
		return false, err
	}
	_, created, err = s.Profiles.PutType(r.Context(), t)
	return created, err
}

// fieldList reads names with commas between them.
func fieldList(text string) []string {
	var fields []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			fields = append(fields, name)
		}
	}
	return fields
}

func (s *Server) askRemoveProductType(w http.ResponseWriter, r *http.Request) error {
	t, err := s.Profiles.Type(mux.Vars(r)["name"])
	if err != nil {
		return err
	}
	page := views.RemoveProductTypePage{Shell: s.shell(w, r, "Remove "+t.Name+"?", "product-types"), Name: t.Name}
	return s.render(w, r, http.StatusOK, views.RemoveProductType(page))
}

// dropProductType removes a type. One that devices have stays, and the list says so.
func (s *Server) dropProductType(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["name"]
	err := s.Profiles.DeleteType(r.Context(), name)
	s.record(r, people.ActionType, name, err, "removed")
	flash := views.Flash{Kind: views.FlashOK, Text: fmt.Sprintf("Product type %s is removed.", name), Mark: name}
	var inUse *devices.InUseError
	switch {
	case errors.As(err, &inUse):
		flash.Kind, flash.Text = views.FlashWarn, fmt.Sprintf("Product type %s stays. %s", name, inUse.Error())
	case err != nil:
		return err
	}
	s.flash(w, r, flash)
	return seeOther(w, "/product-types")
}
