package handlers

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/gorilla/mux"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry"
	"iotcenter/telemetry/smart"
)

// productTypeJSON is a product type: what a read of its products stands for where the request does not say.
type productTypeJSON struct {
	Name        string   `json:"name"`
	Measurement string   `json:"measurement"`
	Fields      []string `json:"fields"` // ["*"] for all
	Start       string   `json:"start"`
}

// The dialect's own defaults, as programs write them.
const (
	allFields    = "*"
	defaultStart = "7d"
)

func productTypeOf(t devices.ProductType) productTypeJSON {
	out := productTypeJSON{Name: t.Name, Measurement: cmp.Or(t.Measurement, telemetry.Telemetry), Fields: t.Fields, Start: cmp.Or(t.Start, defaultStart)}
	if len(out.Fields) == 0 {
		out.Fields = []string{allFields}
	}
	return out
}

// listProductTypes gives all product types, by name.
func (s *Server) listProductTypes(w http.ResponseWriter, _ *http.Request) error {
	types, err := s.Profiles.Types()
	if err != nil {
		return err
	}
	out := make([]productTypeJSON, len(types))
	for i, t := range types {
		out[i] = productTypeOf(t)
	}
	return smartSuccess(w, http.StatusOK, smartRetrieved, struct {
		Types []productTypeJSON `json:"product_types"`
	}{out})
}

// showProductType gives one product type.
func (s *Server) showProductType(w http.ResponseWriter, r *http.Request) error {
	t, err := s.Profiles.Type(mux.Vars(r)["type"])
	if err != nil {
		return err
	}
	return smartSuccess(w, http.StatusOK, smartRetrieved, productTypeOf(t))
}

// putProductType makes a product type, or replaces it as a whole: 201 when it is new.
func (s *Server) putProductType(w http.ResponseWriter, r *http.Request) error {
	given, err := readMembers(w, r, "name", "measurement", "fields", "start")
	if err != nil {
		return err
	}
	t, err := productTypeFrom(mux.Vars(r)["type"], given)
	if err != nil {
		return err
	}
	t, created, err := s.Profiles.PutType(r.Context(), t)
	s.record(r, people.ActionProduct, "type "+t.Name, err)
	if err != nil {
		return err
	}
	if created {
		return smartSuccess(w, http.StatusCreated, "product type successfully made", productTypeOf(t))
	}
	return smartSuccess(w, http.StatusOK, "product type successfully changed", productTypeOf(t))
}

// productTypeFrom reads a product type of a name.
func productTypeFrom(name string, given members) (devices.ProductType, error) {
	t := devices.ProductType{Name: name}
	said, err := given.text("name")
	if err != nil {
		return t, err
	}
	if given.has("name") && said != name {
		return t, badRequest("name", "name: it is another one than the path says.")
	}
	if t.Measurement, err = given.text("measurement"); err != nil {
		return t, err
	}
	if t.Start, err = given.text("start"); err != nil {
		return t, err
	}
	if t.Fields, err = given.texts("fields"); err != nil {
		return t, err
	}
	if slices.Equal(t.Fields, []string{allFields}) {
		t.Fields = nil
	}
	return t, smart.CheckDefaults(smart.Defaults{Measurement: t.Measurement, Fields: t.Fields, Start: t.Start})
}

// removeProductType removes a product type that no product has.
func (s *Server) removeProductType(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["type"]
	err := s.Profiles.DeleteType(r.Context(), name)
	s.record(r, people.ActionProduct, "type "+name, err, "removed")
	if err != nil {
		return err
	}
	return smartSuccess(w, http.StatusOK, "product type successfully removed", nil)
}
