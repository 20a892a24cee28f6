package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry/smart"
)

// productRoutes are the products themselves: registered devices whose id can be a product_imei, and what they have in common.
func (s *Server) productRoutes() {
	s.get("/v1/products", keyReading, s.smartStyle(s.listProducts))
	s.get("/v1/products/{imei}", keyReading, s.smartStyle(s.showProduct))
	s.put("/v1/products/{imei}", keyManaging, s.smartStyle(s.changeProduct))
	s.get("/v1/product_types", keyReading, s.smartStyle(s.listProductTypes))
	s.get("/v1/product_types/{type}", keyReading, s.smartStyle(s.showProductType))
	s.put("/v1/product_types/{type}", keyManaging, s.smartStyle(s.putProductType))
	s.allow(s.router.Handle("/v1/product_types/{type}", s.smartStyle(s.removeProductType)).Methods(http.MethodDelete), keyManaging)
}

// put registers a route that replaces what is at its address.
func (s *Server) put(path string, who access, h http.Handler) {
	s.allow(s.router.Handle(path, h).Methods(http.MethodPut), who)
}

// productJSON is a product as programs see it.
type productJSON struct {
	IMEI       devices.ID      `json:"product_imei"`
	Name       *string         `json:"name"`         // null: it has none
	Type       *string         `json:"product_type"` // null: it has none
	Attributes json.RawMessage `json:"attributes"`   // an object
	CreatedAt  string          `json:"created_at"`
	LastSeen   *string         `json:"last_seen"` // the time of its newest point; null: it never wrote
	Suspended  bool            `json:"suspended"`
}

// products describes devices: of all of them together, the database is asked once.
func (s *Server) products(r *http.Request, list []devices.Device) ([]productJSON, error) {
	out := make([]productJSON, 0, len(list))
	if len(list) == 0 {
		return out, nil
	}
	ids := make([]devices.ID, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	last, err := s.Activity.LastEntries(r.Context(), ids)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		profile, err := s.Profiles.Profile(d.ID)
		if err != nil {
			return nil, err
		}
		p := productJSON{IMEI: d.ID, Name: orNull(profile.Name), Type: orNull(profile.ProductType), Attributes: profile.Attributes,
			CreatedAt: isoTime(d.CreatedAt), LastSeen: orNull(isoTime(last[d.ID])), Suspended: d.Suspended}
		if len(p.Attributes) == 0 {
			p.Attributes = json.RawMessage("{}")
		}
		out = append(out, p)
	}
	return out, nil
}

// orNull is a text, or null where there is none.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Pages of the list of products.
const (
	productsPage = 50  // products of a page where the request does not say
	productsMost = 500 // products of a page
)

// productPage is a page of the list of products.
type productPage struct {
	Products []productJSON `json:"products"`
	Page     int           `json:"page"` // counted from 1
	PerPage  int           `json:"per_page"`
	Total    int           `json:"total"` // products on all pages
	Pages    int           `json:"pages"`
}

// listProducts gives a page of the products, by product_imei.
func (s *Server) listProducts(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r)
	if err != nil {
		return err
	}
	page, err := wholeParameter(q, "page", 1, 1_000_000)
	if err != nil {
		return err
	}
	perPage, err := wholeParameter(q, "per_page", productsPage, productsMost)
	if err != nil {
		return err
	}
	only, err := s.productsLike(q)
	if err != nil {
		return err
	}
	list, err := s.Registry.List(r.Context(), devices.ListOptions{Offset: (page - 1) * perPage, Limit: perPage, Only: only})
	if err != nil {
		return err
	}
	found, err := s.products(r, list.Devices)
	if err != nil {
		return err
	}
	return smartSuccess(w, http.StatusOK, smartRetrieved,
		productPage{Products: found, Page: page, PerPage: perPage, Total: list.Total, Pages: (list.Total + perPage - 1) / perPage})
}

// productsLike is the condition on products that a request asks for. What people said about devices is looked through once
// for all of them.
func (s *Server) productsLike(q url.Values) (func(devices.ID) bool, error) {
	for name, values := range q {
		switch {
		case name != "page" && name != "per_page" && name != "search" && name != "product_type":
			return nil, badRequest(cut(name, 100), cut(name, 100)+": there is no such parameter; page, per_page, search and product_type are known.")
		case len(values) > 1:
			return nil, badRequest(name, name+": it is given more than once.")
		case len(values[0]) > devices.MaxName:
			return nil, badRequest(name, name+": at most "+bytesForPeople(devices.MaxName)+".")
		}
	}
	search, kind := strings.ToLower(q.Get("search")), q.Get("product_type")
	if search == "" && kind == "" {
		return smart.IMEI, nil
	}
	fits := map[devices.ID]bool{} // by type; true: by name as well
	err := s.Profiles.Matching(func(id devices.ID, p devices.Profile) bool {
		if byName := strings.Contains(strings.ToLower(p.Name), search); kind == "" && byName || kind != "" && p.ProductType == kind {
			fits[id] = byName
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return func(id devices.ID) bool {
		byName, listed := fits[id]
		if kind != "" && !listed || !smart.IMEI(id) {
			return false
		}
		return byName || strings.Contains(strings.ToLower(string(id)), search)
	}, nil
}

// wholeParameter is a parameter that counts from 1; without is its value where it is not given.
func wholeParameter(q url.Values, name string, without, most int) (int, error) {
	text := q.Get(name)
	if text == "" && !q.Has(name) {
		return without, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, badRequest(name, name+": a whole number from 1 to "+strconv.Itoa(most)+" is needed.")
	}
	return n, nil
}

// registeredProduct is the product that the route names, as the registry knows it at this moment.
func (s *Server) registeredProduct(r *http.Request) (devices.Device, error) {
	id, err := productIMEI(r)
	if err != nil {
		return devices.Device{}, err
	}
	d, err := s.Registry.Get(r.Context(), id)
	return d, about(id, err)
}

// showProduct gives one product.
func (s *Server) showProduct(w http.ResponseWriter, r *http.Request) error {
	d, err := s.registeredProduct(r)
	if err != nil {
		return err
	}
	return s.answerProduct(w, r, d, smartRetrieved)
}

func (s *Server) answerProduct(w http.ResponseWriter, r *http.Request, d devices.Device, message string) error {
	one, err := s.products(r, []devices.Device{d})
	if err != nil {
		return err
	}
	return smartSuccess(w, http.StatusOK, message, one[0])
}

// changeProduct replaces what the request gives of a product's name, type and attributes; null removes, and what is not
// given stays.
func (s *Server) changeProduct(w http.ResponseWriter, r *http.Request) error {
	d, err := s.registeredProduct(r)
	if err != nil {
		return err
	}
	given, err := readMembers(w, r, "name", "product_type", "attributes")
	if err != nil {
		return err
	}
	change, err := productChange(given)
	if err != nil {
		return err
	}
	_, err = s.Profiles.Change(r.Context(), d.ID, func(p *devices.Profile) error {
		change(p)
		return nil
	})
	s.record(r, people.ActionProduct, string(d.ID), err)
	if errors.Is(err, devices.ErrNoSuchType) {
		return badRequest("product_type", "product_type: there is no product type of this name.")
	}
	if err != nil {
		return about(d.ID, err)
	}
	return s.answerProduct(w, r, d, "product successfully changed")
}

// productChange is what the members of a body change.
func productChange(given members) (func(*devices.Profile), error) {
	name, err := given.text("name")
	if err != nil {
		return nil, err
	}
	kind, err := given.text("product_type")
	if err != nil {
		return nil, err
	}
	attributes := given["attributes"]
	if attributes != nil && attributes.Kind() != '{' && attributes.Kind() != 'n' {
		return nil, badRequest("attributes", "attributes: a JSON object or null is needed.")
	}
	return func(p *devices.Profile) {
		if given.has("name") {
			p.Name = name
		}
		if given.has("product_type") {
			p.ProductType = kind
		}
		if given.has("attributes") {
			if p.Attributes = json.RawMessage(attributes); attributes.Kind() == 'n' {
				p.Attributes = nil
			}
		}
	}, nil
}
